/* SPDX-License-Identifier: BSD-2-Clause */
/* Events from signal handlers. */

#include "emit_engine.h"

int rsh_trace_emit_sig(struct rsh_trace_name *name, uint32_t kind, uint64_t a, uint64_t b)
{
	return rshi_emit(name, kind, a, b);
}

int rsh_trace_log_sig(struct rsh_trace_name *category, const char *text)
{
	return text ? rshi_log(category, text, rshi_text_length(text)) : EINVAL;
}

void rshi_trace_enter_sig(void)
{
	struct rshi_section in;

	if (!rshi_section_enter(&rshi_trace_sig, &in))
		rshi_section_leave(&in);
}
