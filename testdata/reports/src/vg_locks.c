/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Misused locks: unlock of an unlocked and of a foreign one, destroy of a locked one, two orders.
 * detector: helgrind drd
 * compilers: gcc-12 clang-19 clang-14
 */
#include <pthread.h>

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t c = PTHREAD_MUTEX_INITIALIZER;

static __attribute__((noinline)) void both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
}

static void *unlocks_foreign(void *arg)
{
	pthread_mutex_unlock(&c);
	return arg;
}

int main(void)
{
	pthread_t t;

	both(&a, &b);
	both(&b, &a);
	pthread_mutex_lock(&c);
	pthread_create(&t, NULL, unlocks_foreign, NULL);
	pthread_join(t, NULL);
	pthread_mutex_destroy(&c);
	pthread_mutex_unlock(&a);
	return 0;
}
