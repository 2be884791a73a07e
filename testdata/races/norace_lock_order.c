/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way out of a lock-order inversion: whoever needs the locks in the other order only tries the
 * second one, and gives back what it has when that fails. The control waits for it.
 *
 * control: lock-order-inversion (potential deadlock) in take_a_then_b, take_b_then_a
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
#define SECOND_LOCK pthread_mutex_lock
#else
#define SECOND_LOCK pthread_mutex_trylock
#endif

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;

static NOINLINE void take_a_then_b(void)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
}

static NOINLINE int take_b_then_a(void)
{
	int failed;

	pthread_mutex_lock(&b);
	failed = SECOND_LOCK(&a);
	if (!failed)
		pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	return failed;
}

static void *worker(void *arg)
{
	take_a_then_b();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int failed;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	failed = take_b_then_a();
	pthread_join(thread, NULL);
	return failed;
}
