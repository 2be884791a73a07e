/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A successful pthread_mutex_trylock() is as good a lock as any. The control tries another mutex.
 *
 * control: data race in write_first, write_second
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
int slot;

#ifdef RSH_CONTROL
#define TRIED (&other)
#else
#define TRIED (&mutex)
#endif

static NOINLINE void write_first(void)
{
	slot = 1;
}

static NOINLINE void write_second(void)
{
	slot = 2;
}

static void *worker(void *arg)
{
	pthread_mutex_lock(&mutex);
	write_first();
	pthread_mutex_unlock(&mutex);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	if (pthread_mutex_trylock(TRIED) != 0)
		return 1;
	write_second();
	pthread_mutex_unlock(TRIED);
	pthread_join(thread, NULL);
	return slot != 2;
}
