/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex is destroyed while locked.
 * machine: yes
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
	takes(&m);
	pthread_mutex_destroy(&m);
	return 0;
}
