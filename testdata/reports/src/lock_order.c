/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two mutexes in two orders.
 * machine: yes
 */
#include <pthread.h>

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;

static __attribute__((noinline)) void both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
}

static void *backwards(void *arg)
{
	both(&b, &a);
	return arg;
}

int main(void)
{
	pthread_t t;

	both(&a, &b);
	pthread_create(&t, NULL, backwards, NULL);
	pthread_join(t, NULL);
	return 0;
}
