/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex is unlocked that nobody has locked.
 * machine: yes
 */
#include <pthread.h>

static pthread_mutex_t m;

static __attribute__((noinline)) void drops(void)
{
	pthread_mutex_unlock(&m);
}

int main(void)
{
	pthread_mutex_init(&m, NULL);
	drops();
	return 0;
}
