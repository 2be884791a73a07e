/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The result of pthread_mutex_trylock() is thrown away: the second thread goes in although it did
 * not get the lock.
 *
 * report: data race in write_under_lock, write_regardless
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
int slot;

static NOINLINE void write_under_lock(void)
{
	slot = 1;
}

static NOINLINE void write_regardless(void)
{
	slot = 2;
}

static void *worker(void *arg)
{
	pthread_mutex_lock(&mutex);
	write_under_lock();
	step_set(1);
	step_wait(2);
	pthread_mutex_unlock(&mutex);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int got_it;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	got_it = pthread_mutex_trylock(&mutex) == 0;
	write_regardless();
	step_set(2);
	pthread_join(thread, NULL);
	return got_it || slot != 2;
}
