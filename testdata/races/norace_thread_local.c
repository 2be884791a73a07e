/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread-local counter is one counter for each thread. The control's is shared.
 *
 * control: data race in count_in_thread, count_in_main
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
#define PER_THREAD
enum { SEEN_BY_MAIN = 2 };
#else
#define PER_THREAD _Thread_local
enum { SEEN_BY_MAIN = 1 };
#endif

PER_THREAD long hits;

static NOINLINE void count_in_thread(void)
{
	hits++;
}

static NOINLINE void count_in_main(void)
{
	hits++;
}

static void *worker(void *arg)
{
	count_in_thread();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	count_in_main();
	pthread_join(thread, NULL);
	return hits != SEEN_BY_MAIN;
}
