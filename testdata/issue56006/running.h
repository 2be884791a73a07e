/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running thread at exit, with counters made by hand: begin() starts a thread that increments
 * counters for ever, and returns when it has gone through ROUNDS rounds. Whoever includes this says
 * what happens at exit, while the thread goes on.
 *
 * The thread naps after each round (../races/step.h): spinning hot, it would write over its own
 * history, and the increment that races could not be shown any more.
 */
#ifndef RUNNING_H
#define RUNNING_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "../races/step.h"

#ifndef INCREMENT
#define INCREMENT(counter, n) __atomic_fetch_add(&(counter), n, __ATOMIC_RELAXED)
#endif

enum { COUNTERS = 4, ROUNDS = 10 };

uint64_t counters[COUNTERS];

/* One round adds i + 1 to counter i: a value that i + 1 does not divide was never there. */
static NOINLINE void count_round(void)
{
	unsigned i;

	for (i = 0; i < COUNTERS; i++)
		INCREMENT(counters[i], i + 1);
}

static void *infloop(void *arg)
{
	unsigned round = 0;

	for (;;) {
		count_round();
		step_set(++round);
		step_nap();
	}
	return arg;
}

/* begin - 0 when the thread runs and @at_exit is registered */
static int begin(void (*at_exit)(void))
{
	pthread_t thread;

	if (atexit(at_exit) != 0 || pthread_create(&thread, NULL, infloop, NULL) != 0)
		return 1;
	pthread_detach(thread);
	step_wait(ROUNDS);
	return 0;
}

#endif
