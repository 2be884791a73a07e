/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread-local variable of one thread, written by another.
 */
#include <pthread.h>
#include "order.h"

static _Thread_local volatile int mine;
static volatile int *theirs;

static __attribute__((no_sanitize("thread"), noinline)) void publish(volatile int *p)
{
	theirs = p;
}

static __attribute__((no_sanitize("thread"), noinline)) volatile int *published(void)
{
	return theirs;
}

static void *owner(void *arg)
{
	mine = 1;
	publish(&mine);
	order_step();
	order_wait(2);
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, owner, NULL);
	order_wait(1);
	*published() = 2;
	order_step();
	pthread_join(t, NULL);
	return 0;
}
