/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stack of many frames (recursion), and a creation stack by a thread that is no main thread.
 */
#include <pthread.h>
#include "order.h"

static volatile int shared;

static __attribute__((noinline)) int dive(int depth)
{
	if (depth == 0) {
		shared++;
		return 1;
	}
	return dive(depth - 1) + (int)(depth & 1);
}

static void *inner(void *arg)
{
	dive(20);
	order_step();
	return arg;
}

static void *outer(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, inner, NULL);
	order_wait(1);
	dive(3);
	pthread_join(t, NULL);
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, outer, NULL);
	pthread_join(t, NULL);
	return 0;
}
