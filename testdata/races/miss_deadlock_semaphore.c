/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two semaphores serve as locks and are taken in both orders: the same deadlock in waiting as with
 * mutexes, but a semaphore has no owner, so it is in no lock graph. The control uses mutexes.
 *
 * control: lock-order-inversion (potential deadlock) in take_a_then_b, take_b_then_a
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <semaphore.h>

#include "step.h"

#ifdef RSH_CONTROL
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;
#define TAKE pthread_mutex_lock
#define GIVE pthread_mutex_unlock
#define PREPARE()
#else
static sem_t a, b;
#define TAKE      sem_wait
#define GIVE      sem_post
#define PREPARE() (sem_init(&a, 0, 1), sem_init(&b, 0, 1))
#endif

static NOINLINE void take_a_then_b(void)
{
	TAKE(&a);
	TAKE(&b);
	GIVE(&b);
	GIVE(&a);
}

static NOINLINE void take_b_then_a(void)
{
	TAKE(&b);
	TAKE(&a);
	GIVE(&a);
	GIVE(&b);
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

	PREPARE();
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	take_b_then_a();
	pthread_join(thread, NULL);
	return 0;
}
