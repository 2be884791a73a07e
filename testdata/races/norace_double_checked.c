/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Double-checked locking done right: the pointer is stored with release and read with acquire, so
 * the object behind it comes along. The control's orders are relaxed.
 *
 * control: data race in fill_instance, use_instance
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
#define PUBLISH __ATOMIC_RELAXED
#define OBSERVE __ATOMIC_RELAXED
#else
#define PUBLISH __ATOMIC_RELEASE
#define OBSERVE __ATOMIC_ACQUIRE
#endif

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
long storage;
static long *instance;

static NOINLINE void fill_instance(long *fresh)
{
	*fresh = 77;
}

static NOINLINE long use_instance(const long *found)
{
	return *found;
}

static long *get_instance(void)
{
	long *found = __atomic_load_n(&instance, OBSERVE);

	if (found != NULL)
		return found;
	pthread_mutex_lock(&mutex);
	found = __atomic_load_n(&instance, __ATOMIC_RELAXED);
	if (found == NULL) {
		found = &storage;
		fill_instance(found);
		__atomic_store_n(&instance, found, PUBLISH);
	}
	pthread_mutex_unlock(&mutex);
	return found;
}

static void *worker(void *arg)
{
	get_instance();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	long value;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	value = use_instance(get_instance());
	pthread_join(thread, NULL);
	return value != 77;
}
