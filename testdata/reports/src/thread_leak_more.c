/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three threads from one place are never joined: `And 2 more similar thread leaks.`
 * options: atexit_sleep_ms=500
 */
#include <pthread.h>
#include "order.h"

static void *ends(void *arg)
{
	order_step();
	return arg;
}

static __attribute__((noinline)) void starts_one(void)
{
	pthread_t t;

	pthread_create(&t, NULL, ends, NULL);
}

int main(void)
{
	for (volatile int i = 0; i < 3; i++) {
		starts_one();
		order_wait(i + 1);
	}
	return 0;
}
