/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_CALL_HOOKS_H
#define RSH_TRACE_CALL_HOOKS_H

#include <raceshim/trace.h>

/*
 * Put hooks behind the detector whose runtime is linked into this program, if there is one. With the
 * control. Returns the source of its calls; NULL if it has been returned before.
 */
struct rsh_trace_source *rshi_calls_behind(void);

#endif /* RSH_TRACE_CALL_HOOKS_H */
