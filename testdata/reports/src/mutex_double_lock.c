/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex known by annotations is taken by a second thread while the first one holds it.
 */
#include <pthread.h>

void __tsan_mutex_create(void *addr, unsigned flags);
void __tsan_mutex_pre_lock(void *addr, unsigned flags);
void __tsan_mutex_post_lock(void *addr, unsigned flags, int recursion);

static int m;

static __attribute__((noinline)) void takes(void)
{
	__tsan_mutex_pre_lock(&m, 0);
	__tsan_mutex_post_lock(&m, 0, 0);
}

static void *takes_too(void *arg)
{
	takes();
	return arg;
}

int main(void)
{
	pthread_t t;

	__tsan_mutex_create(&m, 0);
	takes();
	pthread_create(&t, NULL, takes_too, NULL);
	pthread_join(t, NULL);
	return 0;
}
