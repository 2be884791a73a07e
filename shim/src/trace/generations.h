/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_GENERATIONS_H
#define RSH_TRACE_GENERATIONS_H

/*
 * Generations from the moment that they begin until they have been read.
 *
 * Two locks. The *control* is with who begins and ends traces and generations, one at a time, and
 * who has it may wait for threads in the middle of events. The *trace lock* is for lists and numbers,
 * and is held for moments; under it nobody waits, is woken, or gets memory. Those who emit take
 * neither.
 */

#include <raceshim/trace.h>

#include "state.h"

/* Generations that have not been read: with so many the last one goes on. */
#define RSHI_TRACE_GENERATIONS 16u

struct rshi_generation {
	uint64_t number;
	struct rshi_trace_clock begin, end;
	uint32_t head, tail; /* buffers, plus 1, in the order of their becoming full */
	uint32_t is_over;    /* there will be no more of them */
	uint32_t is_last;    /* of the trace */
	uint32_t is_read;    /* it is of the trace, and waits for its reader */
	uint64_t events;     /* in the buffers that were put there */
	uint64_t lost[RSHI_TRACE_LOST_CLASSES];
};

/* What is read of a generation next. */
enum rshi_trace_part {
	RSHI_PART_HEADER,
	RSHI_PART_BATCHES,
	RSHI_PART_NAMES,
	RSHI_PART_TAIL,
	RSHI_PART_OVER,
};

struct rshi_trace_session {
	/* the control's */
	uint32_t is_on;   /* between start and stop */
	uint32_t is_kept; /* the flight recorder is on */
	uint64_t period;  /* nanoseconds */
	char process[16]; /* its name, with zeros behind */

	/* guarded by the trace lock */
	struct rshi_lock lock;
	uint32_t is_there;  /* between a start and the end of the reading */
	uint32_t is_traced; /* there has been a trace in this process */
	struct rshi_generation generations[RSHI_TRACE_GENERATIONS]; /* by number */
	uint64_t first, last; /* those that are not read to their end; last: the present one, too */
	uint64_t events;      /* since the process began, in generations that are over */
	uint64_t reported[RSHI_TRACE_LOST_CLASSES]; /* of rshi_trace_sig.lost, in some generation */
};

extern struct rshi_lock rshi_trace_control;
extern struct rshi_trace_session rshi_session_trace;

static inline struct rshi_generation *rshi_generation_of(struct rshi_trace_session *session,
                                                         uint64_t number)
{
	return &session->generations[number % RSHI_TRACE_GENERATIONS];
}

/*
 * With the control. Begin the first generation, after session->is_on and is_kept have been set to
 * what is wanted; go on to the next one; or, if @is_last, end the last one of a trace: then there is
 * a next one if the flight recorder is on.
 */
int rshi_generations_begin(const struct rsh_trace_options *options);
int rshi_generations_advance(int is_last);

/* With the trace lock: buffers that became full come into their generations. */
void rshi_generations_collect(void);

/* When the present generation has to end, in nanoseconds of CLOCK_MONOTONIC. */
uint64_t rshi_generations_due(void);

/* In a forked child, with both locks: there are no traces and no other threads. */
void rshi_generations_forked(void);

/* Forks: from the first start on. */
void rshi_trace_fork_prepare(void);

#endif /* RSH_TRACE_GENERATIONS_H */
