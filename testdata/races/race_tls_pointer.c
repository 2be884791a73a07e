/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thread-local is not private once its address is given away.
 *
 * report: data race in count_own, read_foreign
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

_Thread_local long own_count;
static long *leaked;

static NOINLINE void count_own(void)
{
	own_count++;
}

static NOINLINE long read_foreign(const long *count)
{
	return *count;
}

static void *worker(void *arg)
{
	__atomic_store_n(&leaked, &own_count, __ATOMIC_RELEASE);
	count_own();
	step_set(1);
	step_wait(2); /* the variable lives as long as its thread */
	return arg;
}

int main(void)
{
	pthread_t thread;
	long seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = read_foreign(__atomic_load_n(&leaked, __ATOMIC_ACQUIRE));
	step_set(2);
	pthread_join(thread, NULL);
	return seen != 1;
}
