/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plain write, then an atomic read of one byte: `Atomic read` comes first.
 */
#include <pthread.h>
#include "order.h"

static unsigned char flag;

static void *set_flag(void *arg)
{
	*(volatile unsigned char *)&flag = 1;
	order_step();
	return arg;
}

static __attribute__((noinline)) int poll_flag(void)
{
	return __atomic_load_n(&flag, __ATOMIC_ACQUIRE);
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, set_flag, NULL);
	order_wait(1);
	int seen = poll_flag();
	pthread_join(t, NULL);
	return seen == 1 ? 0 : 1;
}
