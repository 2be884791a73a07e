/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A condition variable whose predicate is set without the lock: the waiter reads it under the
 * mutex, the announcer takes the mutex only afterwards, for the signal.
 *
 * report: data race in is_ready, announce
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
int ready;

static NOINLINE int is_ready(void)
{
	return ready;
}

static NOINLINE void announce(void)
{
	ready = 1;
}

static void *waiter(void *arg)
{
	pthread_mutex_lock(&lock);
	while (!is_ready()) {
		step_set(1);
		pthread_cond_wait(&changed, &lock);
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, waiter, NULL);
	step_wait(1);
	announce();
	pthread_mutex_lock(&lock); /* too late for the store, in time for the wake-up */
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	return 0;
}
