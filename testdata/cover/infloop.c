/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread calls blah() for ever, main calls it twice and returns. How often the thread has gone
 * round by then is printed: the counters at exit are that, or more, by what it does meanwhile.
 */
#include <pthread.h>
#include <stdio.h>

#include "../races/step.h"

static NOINLINE int blah(int x)
{
	if (x != 0)
		return x + 42;
	return x - 42;
}

static int total, rounds;

static NOINLINE void *infloop(void *arg)
{
	for (;;) {
		__atomic_fetch_add(&total, blah(1) + blah(0), __ATOMIC_RELAXED);
		__atomic_fetch_add(&rounds, 1, __ATOMIC_RELAXED);
		step_set(1);
		step_nap(); /* no hot loop: see ../races/step.h */
	}
	return arg;
}

int main(void)
{
	pthread_t thread;
	int sum;

	if (pthread_create(&thread, NULL, infloop, NULL) != 0)
		return 2;
	pthread_detach(thread);
	step_wait(1);
	sum = blah(1) + blah(0);
	printf("%d\n", __atomic_load_n(&rounds, __ATOMIC_RELAXED));
	fflush(stdout);
	return sum != 1;
}
