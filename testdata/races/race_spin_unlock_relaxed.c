/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hand-made spinlock whose unlock is a relaxed store: it excludes, but it does not publish.
 *
 * report: data race in write_in_thread, write_in_main
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sched.h>

#include "step.h"

static int locked;
int value;

static void lock(void)
{
	while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(void)
{
	__atomic_store_n(&locked, 0, __ATOMIC_RELAXED);
}

static NOINLINE void write_in_thread(void)
{
	value += 1;
}

static NOINLINE void write_in_main(void)
{
	value += 2;
}

static void *worker(void *arg)
{
	lock();
	write_in_thread();
	unlock();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	lock();
	write_in_main();
	unlock();
	pthread_join(thread, NULL);
	return value != 3;
}
