/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex is used after it was destroyed.
 */
#include <pthread.h>

static __attribute__((noinline)) void takes(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
}

int main(void)
{
	pthread_mutex_t m;

	pthread_mutex_init(&m, NULL);
	pthread_mutex_destroy(&m);
	takes(&m);
	return 0;
}
