/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plainest race there is: two threads add to one int, with nothing between them.
 *
 * report: data race in count_in_thread, count_in_main
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

int hits;

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
	return hits != 2;
}
