/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A priority-inheriting mutex is a kernel object of another kind and an edge all the same. The
 * control leaves it out.
 *
 * control: data race in push_task, pop_task
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

pthread_mutex_t mutex;

#ifdef RSH_CONTROL
#define LOCK()
#define UNLOCK()
#else
#define LOCK()   pthread_mutex_lock(&mutex)
#define UNLOCK() pthread_mutex_unlock(&mutex)
#endif

int tasks;

static NOINLINE void push_task(void)
{
	LOCK();
	tasks++;
	UNLOCK();
}

static NOINLINE void pop_task(void)
{
	LOCK();
	tasks--;
	UNLOCK();
}

static void *worker(void *arg)
{
	push_task();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_t thread;

	pthread_mutexattr_init(&attr);
	if (pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) != 0 ||
	    pthread_mutex_init(&mutex, &attr) != 0)
		return 1;
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	pop_task();
	pthread_join(thread, NULL);
	pthread_mutex_destroy(&mutex);
	return tasks != 0;
}
