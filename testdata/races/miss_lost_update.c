/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A race condition that is no data race: every access is atomic, the update as a whole is not, and
 * one of two increments gets lost. Detectors look at single accesses. The control's accesses are
 * plain.
 *
 * control: data race in add_in_thread, add_in_main
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
#define GET(var)        (var)
#define PUT(var, value) ((var) = (value))
#else
#define GET(var)        __atomic_load_n(&(var), __ATOMIC_ACQUIRE)
#define PUT(var, value) __atomic_store_n(&(var), value, __ATOMIC_RELEASE)
#endif

long visitors;

static NOINLINE void add_in_thread(void)
{
	long seen = GET(visitors);

	step_set(1);
	step_wait(2);
	PUT(visitors, seen + 1);
}

static NOINLINE void add_in_main(void)
{
	long seen = GET(visitors);

	PUT(visitors, seen + 1);
}

static void *worker(void *arg)
{
	add_in_thread();
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	add_in_main();
	step_set(2);
	pthread_join(thread, NULL);
	return visitors != 1; /* two came */
}
