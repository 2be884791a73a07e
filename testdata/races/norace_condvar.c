/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A condition variable used by the book: predicate and data change under the mutex. The control's
 * producer writes the data after it has given the mutex back.
 *
 * control: data race in put_order, take_order
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
enum { PUT_UNDER_LOCK = 0 };
#else
enum { PUT_UNDER_LOCK = 1 };
#endif

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
int ready, order;

static NOINLINE void put_order(void)
{
	order = 12;
}

static NOINLINE int take_order(void)
{
	return order;
}

static void *producer(void *arg)
{
	pthread_mutex_lock(&mutex);
	if (PUT_UNDER_LOCK)
		put_order();
	ready = 1;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&mutex);
	if (!PUT_UNDER_LOCK)
		put_order();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, producer, NULL);
	pthread_mutex_lock(&mutex);
	while (!ready)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	step_wait(1);
	seen = take_order();
	pthread_join(thread, NULL);
	return seen != 12;
}
