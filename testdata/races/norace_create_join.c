/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two edges that everybody relies on: what main wrote before pthread_create() is the thread's to
 * change, and what the thread wrote is main's after pthread_join(). The control reads before the
 * join.
 *
 * control: data race in work, collect
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
enum { JOIN_FIRST = 0 };
#else
enum { JOIN_FIRST = 1 };
#endif

int sum = 1;

static NOINLINE void work(void)
{
	sum += 41;
}

static NOINLINE int collect(void)
{
	return sum;
}

static void *worker(void *arg)
{
	work();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	sum = 0;
	pthread_create(&thread, NULL, worker, NULL);
	if (JOIN_FIRST)
		pthread_join(thread, NULL);
	step_wait(1);
	seen = collect();
	if (!JOIN_FIRST)
		pthread_join(thread, NULL);
	return seen != 41;
}
