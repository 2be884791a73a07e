/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread unlocks the mutex that another thread holds.
 *
 * report: unlock of an unlocked mutex (or by a wrong thread) in unlock_for_others
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static NOINLINE void unlock_for_others(void)
{
	pthread_mutex_unlock(&mutex);
}

static void *worker(void *arg)
{
	step_wait(1);
	unlock_for_others();
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	pthread_mutex_lock(&mutex);
	step_set(1);
	pthread_join(thread, NULL);
	return 0;
}
