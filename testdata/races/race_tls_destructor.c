/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A destructor of thread-specific data runs after the thread's function has returned, and races
 * with main all the same.
 *
 * report: data race in on_thread_exit, closed_so_far
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

int closed;
static pthread_key_t key;

static NOINLINE void on_thread_exit(void *value)
{
	(void)value;
	closed++;
	step_set(1);
}

static NOINLINE int closed_so_far(void)
{
	return closed;
}

static void *worker(void *arg)
{
	pthread_setspecific(key, &key);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_key_create(&key, on_thread_exit);
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = closed_so_far();
	pthread_join(thread, NULL);
	return seen != 1;
}
