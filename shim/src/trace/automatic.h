/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_AUTOMATIC_H
#define RSH_TRACE_AUTOMATIC_H

/*
 * Events that nobody has written into the program: threads that begin and end, what they wait for,
 * CPU samples. Each kind is on while a trace or the flight recorder that runs has asked for it.
 */

#include "core/births.h"
#include "core/waits.h"

/* Told of waits, and of threads. What they emit is seen by no detector, in any build. */
extern const struct rshi_watcher rshi_trace_watcher_sig;
extern const struct rshi_follower rshi_trace_follower_sig;

/* Where CPU samples go. */
void rshi_trace_sample_prepare(void);

/* In a forked child. */
void rshi_trace_sample_forked(void);

enum rshi_asker { RSHI_ASKED_BY_TRACE, RSHI_ASKED_BY_FLIGHT, RSHI_ASKERS };

/* Before that, without any lock: find out what the loader has to be asked for these kinds. */
void rshi_automatic_prepare(uint32_t kinds);

/* With the control: what one who records asks for from now on, RSH_TRACE_AUTO_*. */
void rshi_automatic_ask(enum rshi_asker asker, uint32_t kinds);

/* With the control, in a forked child: none. */
void rshi_automatic_forked(void);

#endif /* RSH_TRACE_AUTOMATIC_H */
