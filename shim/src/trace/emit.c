/* SPDX-License-Identifier: BSD-2-Clause */
/* Events. */

#include <raceshim/trace.h>

#include "core/detector.h"
#include "core/program.h"
#include "drain.h"
#include "emit_engine.h"

_Static_assert(RSH_TRACE_KIND_INSTANT == RSHI_TRACE_INSTANT &&
                       RSH_TRACE_KIND_INSTANT_1 == RSHI_TRACE_INSTANT_1 &&
                       RSH_TRACE_KIND_INSTANT_2 == RSHI_TRACE_INSTANT_2 &&
                       RSH_TRACE_KIND_REGION == RSHI_TRACE_REGION &&
                       RSH_TRACE_KIND_REGION_END == RSHI_TRACE_REGION_END &&
                       RSH_TRACE_KIND_COUNTER == RSHI_TRACE_COUNTER &&
                       RSH_TRACE_KIND_TASK == RSHI_TRACE_TASK &&
                       RSH_TRACE_KIND_TASK_END == RSHI_TRACE_TASK_END &&
                       RSH_TRACE_KIND_FLOW == RSHI_TRACE_FLOW &&
                       RSH_TRACE_KIND_FLOW_END == RSHI_TRACE_FLOW_END,
               "kinds are the format's");

RSHI_NOTE(RSHI_NOTE_TRACE);

uint32_t rsh_trace_on;

/*
 * A program that only emits is traced because its environment says so: what reads that has to be
 * taken out of the archive too.
 */
__attribute__((used)) static int (*const with_environment[])(void) = {rshi_trace_env_is_on,
                                                                      rshi_flight_env_is_on};

int rsh_trace_emit(struct rsh_trace_name *name, uint32_t kind, uint64_t a, uint64_t b)
{
	return rshi_emit(name, kind, a, b);
}

__attribute__((noinline)) int rsh_trace_log(struct rsh_trace_name *category, const char *text)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_trace_log);
	uint32_t n;

	if (!text)
		return EINVAL;
	n = rshi_text_length(text);
	rshi_frame_push(&caller);
	rshi_will_read(&caller, text, n < RSHI_TRACE_TEXT ? n + 1 : n);
	rshi_frame_pop();
	return rshi_log(category, text, n);
}

uint64_t rsh_trace_id(void)
{
	return __atomic_add_fetch(&rshi_trace_sig.id, 1, __ATOMIC_RELAXED);
}
