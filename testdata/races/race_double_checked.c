/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Double-checked locking with a plain pointer: the fast path reads it without the lock.
 *
 * report: data race in create_instance, fast_path
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <stdlib.h>

#include "step.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
long *instance;

static NOINLINE void create_instance(void)
{
	instance = calloc(1, sizeof(*instance));
}

static NOINLINE long *fast_path(void)
{
	return instance;
}

static long *get_instance(void)
{
	long *found = fast_path();

	if (found != NULL)
		return found;
	pthread_mutex_lock(&mutex);
	if (instance == NULL)
		create_instance();
	found = instance;
	pthread_mutex_unlock(&mutex);
	return found;
}

static void *worker(void *arg)
{
	(void)arg;
	arg = get_instance();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	void *theirs;
	long *mine;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	mine = get_instance();
	pthread_join(thread, &theirs);
	free(mine);
	return mine != theirs;
}
