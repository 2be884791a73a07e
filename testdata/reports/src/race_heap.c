/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap block, allocated by the main thread two calls deep, written by two named threads.
 * machine: yes
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include "order.h"

static __attribute__((noinline)) long *new_table(size_t n)
{
	return (long *)calloc(n, sizeof(long));
}

static void *fill_low(void *arg)
{
	pthread_setname_np(pthread_self(), "low half");
	((volatile long *)arg)[3] = 1;
	order_step();
	order_wait(2);
	return NULL;
}

static void *fill_high(void *arg)
{
	pthread_setname_np(pthread_self(), "high (2)");
	order_wait(1);
	((volatile long *)arg)[3] = 2;
	order_step();
	return NULL;
}

int main(void)
{
	pthread_t a, b;
	long *table = new_table(8);

	pthread_create(&a, NULL, fill_low, table);
	pthread_create(&b, NULL, fill_high, table);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	free(table);
	return 0;
}
