/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An atomic on one side only: the flag is stored with release, and read as a plain int.
 *
 * report: data race in publish, peek
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

int ready;

static NOINLINE void publish(void)
{
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
}

static NOINLINE int peek(void)
{
	return ready;
}

static void *worker(void *arg)
{
	publish();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = peek();
	pthread_join(thread, NULL);
	return seen != 1;
}
