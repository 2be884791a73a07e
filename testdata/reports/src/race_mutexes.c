/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both sides hold locks, but not the same one; one of them is a read lock:
 * `(mutexes: write M0, read M1)` and two sections on the mutexes.
 * machine: yes
 */
#include <pthread.h>
#include "order.h"

static volatile int shared;
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t two = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

static void *holds_two(void *arg)
{
	pthread_mutex_lock(&one);
	pthread_rwlock_rdlock(&rw);
	shared = 1;
	pthread_rwlock_unlock(&rw);
	pthread_mutex_unlock(&one);
	order_step();
	return arg;
}

static void *holds_other(void *arg)
{
	order_wait(1);
	pthread_mutex_lock(&two);
	shared++;
	pthread_mutex_unlock(&two);
	return arg;
}

int main(void)
{
	pthread_t a, b;

	pthread_create(&a, NULL, holds_two, NULL);
	pthread_create(&b, NULL, holds_other, NULL);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	return 0;
}
