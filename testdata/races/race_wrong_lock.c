/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both threads hold a lock, but not the same one.
 *
 * report: data race in add_under_first, add_under_second
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;
int total;

static NOINLINE void add_under_first(void)
{
	pthread_mutex_lock(&first);
	total += 2;
	pthread_mutex_unlock(&first);
}

static NOINLINE void add_under_second(void)
{
	pthread_mutex_lock(&second);
	total += 3;
	pthread_mutex_unlock(&second);
}

static void *worker(void *arg)
{
	add_under_first();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	add_under_second();
	pthread_join(thread, NULL);
	return total != 5;
}
