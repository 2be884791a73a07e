/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads write under the *read* lock, which keeps neither of them out.
 *
 * report: data race in bump_in_thread, bump_in_main
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
int generation;

static NOINLINE void bump_in_thread(void)
{
	generation++;
}

static NOINLINE void bump_in_main(void)
{
	generation++;
}

static void *worker(void *arg)
{
	pthread_rwlock_rdlock(&rwlock);
	bump_in_thread();
	pthread_rwlock_unlock(&rwlock);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	pthread_rwlock_rdlock(&rwlock);
	bump_in_main();
	pthread_rwlock_unlock(&rwlock);
	pthread_join(thread, NULL);
	return generation != 2;
}
