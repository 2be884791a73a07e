/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex is taken after its owner has destroyed it.
 *
 * report: use of an invalid mutex (e.g. uninitialized or destroyed) in lock_late
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static pthread_mutex_t mutex;

static NOINLINE int lock_late(void)
{
	return pthread_mutex_lock(&mutex);
}

static void *worker(void *arg)
{
	step_wait(1);
	return lock_late() != 0 ? arg : NULL;
}

int main(void)
{
	pthread_t thread;
	void *refused;

	pthread_mutex_init(&mutex, NULL);
	pthread_create(&thread, NULL, worker, &mutex);
	pthread_mutex_destroy(&mutex);
	step_set(1);
	pthread_join(thread, &refused);
	return refused != &mutex;
}
