/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock made by hand out of two atomics needs no annotation, as long as its orders are right: the
 * unlock releases, the lock acquires. The control's unlock is relaxed.
 *
 * control: data race in add_ten, add_one
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sched.h>

#include "step.h"

#ifdef RSH_CONTROL
#define UNLOCK_ORDER __ATOMIC_RELAXED
#else
#define UNLOCK_ORDER __ATOMIC_RELEASE
#endif

static unsigned next, serving;
int total;

static void lock(void)
{
	unsigned ticket = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&serving, __ATOMIC_ACQUIRE) != ticket)
		sched_yield();
}

static void unlock(void)
{
	unsigned served = __atomic_load_n(&serving, __ATOMIC_RELAXED);

	__atomic_store_n(&serving, served + 1, UNLOCK_ORDER);
}

static NOINLINE void add_ten(void)
{
	total += 10;
}

static NOINLINE void add_one(void)
{
	total += 1;
}

static void *worker(void *arg)
{
	lock();
	add_ten();
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
	add_one();
	unlock();
	pthread_join(thread, NULL);
	return total != 11;
}
