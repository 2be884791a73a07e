/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is freed by one thread and then written by another.
 * machine: yes
 */
#include <pthread.h>
#include <stdlib.h>
#include "order.h"

static int *block;

static void *frees(void *arg)
{
	free(block);
	order_step();
	return arg;
}

static __attribute__((noinline)) void uses_late(void)
{
	*(volatile int *)block = 1;
}

int main(void)
{
	pthread_t t;

	block = (int *)malloc(40);
	pthread_create(&t, NULL, frees, NULL);
	order_wait(1);
	uses_late();
	pthread_join(t, NULL);
	return 0;
}
