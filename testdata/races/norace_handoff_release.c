/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same hand-off with a release store and an acquire load. The control's reader has the acquire,
 * but its writer has no release.
 *
 * control: data race in write_message, read_message
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sched.h>

#include "step.h"

#ifdef RSH_CONTROL
#define PUBLISH __ATOMIC_RELAXED
#else
#define PUBLISH __ATOMIC_RELEASE
#endif

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
	__atomic_store_n(&ready, 1, PUBLISH);
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
