/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last one to drop a reference finishes the object off. It is ordered after the others because
 * every drop releases and the last one acquires. The control drops with relaxed orders.
 *
 * control: data race in use_object, finish_object
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
#define DROP_ORDER __ATOMIC_RELAXED
#else
#define DROP_ORDER __ATOMIC_ACQ_REL
#endif

struct object {
	int refs;
	long uses;
};

static NOINLINE void use_object(struct object *object)
{
	object->uses++;
}

static NOINLINE long finish_object(struct object *object)
{
	return object->uses;
}

static long drop(struct object *object)
{
	if (__atomic_sub_fetch(&object->refs, 1, DROP_ORDER) != 0)
		return 0;
	return finish_object(object);
}

static void *worker(void *object)
{
	use_object(object);
	drop(object);
	step_set(1);
	return object;
}

int main(void)
{
	static struct object object = {.refs = 2};
	pthread_t thread;
	long uses;

	pthread_create(&thread, NULL, worker, &object);
	step_wait(1);
	uses = drop(&object);
	pthread_join(thread, NULL);
	return uses != 1;
}
