/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cancelled thread's cleanup handler has run before pthread_join() returns. The control reads
 * before it joins.
 *
 * control: data race in on_cancel, count_cleanups
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <unistd.h>

#include "step.h"

#ifdef RSH_CONTROL
enum { JOIN_FIRST = 0 };
#else
enum { JOIN_FIRST = 1 };
#endif

int cleanups;

static NOINLINE void on_cancel(void *arg)
{
	(void)arg;
	cleanups++;
	step_set(2);
}

static NOINLINE int count_cleanups(void)
{
	return cleanups;
}

static void *worker(void *arg)
{
	pthread_cleanup_push(on_cancel, arg);
	step_set(1);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	pthread_cancel(thread);
	if (JOIN_FIRST)
		pthread_join(thread, NULL);
	step_wait(2);
	seen = count_cleanups();
	if (!JOIN_FIRST)
		pthread_join(thread, NULL);
	return seen != 1;
}
