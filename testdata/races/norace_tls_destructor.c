/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pthread_join() waits for the destructors of thread-specific data as well: what they wrote is
 * ordered before the join returns. The control reads before it joins.
 *
 * control: data race in on_thread_exit, closed_so_far
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
enum { JOIN_FIRST = 0 };
#else
enum { JOIN_FIRST = 1 };
#endif

int closed;
static pthread_key_t key;

static NOINLINE void on_thread_exit(void *value)
{
	(void)value;
	closed++;
	step_set(1);
}

static NOINLINE int closed_so_far(void)
{
	return closed;
}

static void *worker(void *arg)
{
	pthread_setspecific(key, &key);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_key_create(&key, on_thread_exit);
	pthread_create(&thread, NULL, worker, NULL);
	if (JOIN_FIRST)
		pthread_join(thread, NULL);
	step_wait(1);
	seen = closed_so_far();
	if (!JOIN_FIRST)
		pthread_join(thread, NULL);
	return seen != 1;
}
