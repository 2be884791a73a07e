/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two locks taken in both orders. Nobody deadlocks here, as one thread is through before the other
 * begins, and the detector sees the cycle all the same.
 *
 * report: lock-order-inversion (potential deadlock) in take_a_then_b, take_b_then_a
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;

static NOINLINE void take_a_then_b(void)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
}

static NOINLINE void take_b_then_a(void)
{
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
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

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	take_b_then_a();
	pthread_join(thread, NULL);
	return 0;
}
