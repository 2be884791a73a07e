/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_DRAIN_H
#define RSH_TRACE_DRAIN_H

#include <stdint.h>

/*
 * A thread that reads the trace and writes it to a file as it comes, a generation at a time, so that
 * of a process that is killed all but the last one is there.
 */

/*
 * Make the file at @path, which stays the caller's and as it is, in place of one that there was; begin
 * to trace, and to write: @is_raw in the tracer's own format, otherwise in that of Perfetto; @automatic:
 * RSH_TRACE_AUTO_*. Returns 0 or a positive errno constant, and nothing has begun.
 */
int rshi_drain_start(const char *path, int is_raw, uint32_t automatic);

/* End the trace and wait until all of it is written. Returns 0, or why it is not. */
int rshi_drain_finish(void);

/* In a forked child, which has no such thread. */
void rshi_drain_forked(void);

/* Whether the environment has asked for a trace; for the last events of a flight recorder. */
int rshi_trace_env_is_on(void);
int rshi_flight_env_is_on(void);

#endif /* RSH_TRACE_DRAIN_H */
