/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A variable on the main thread's stack, handed to a thread.
 */
#include <pthread.h>
#include "order.h"

static void *uses_stack(void *arg)
{
	*(volatile int *)arg = 1;
	order_step();
	return NULL;
}

int main(void)
{
	pthread_t t;
	volatile int local = 0;

	pthread_create(&t, NULL, uses_stack, (void *)&local);
	order_wait(1);
	local = 2;
	pthread_join(t, NULL);
	return 0;
}
