/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An atomic write, then a plain read by a thread that still runs: `Previous atomic write`,
 * in lower case where the first side is capitalised.
 * machine: yes
 */
#include <pthread.h>
#include "order.h"

static long counter;

static void *counting(void *arg)
{
	__atomic_store_n(&counter, 1, __ATOMIC_RELEASE);
	order_step();
	order_wait(2);
	return arg;
}

static __attribute__((noinline)) long report_counter(void)
{
	return *(volatile long *)&counter;
}

int main(void)
{
	pthread_t t;
	long seen;

	pthread_create(&t, NULL, counting, NULL);
	order_wait(1);
	seen = report_counter();
	order_step();
	pthread_join(t, NULL);
	return seen == 1 ? 0 : 1;
}
