/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock-free hand-off without the release: the flag is atomic, the message comes without an edge.
 *
 * report: data race in write_message, read_message
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sched.h>

#include "step.h"

static int ready;
int message;

static NOINLINE void write_message(void)
{
	message = 42;
}

static NOINLINE int read_message(void)
{
	return message;
}

static void *worker(void *arg)
{
	write_message();
	__atomic_store_n(&ready, 1, __ATOMIC_RELAXED);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		sched_yield();
	seen = read_message();
	pthread_join(thread, NULL);
	return seen != 42;
}
