/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A variable on the stack of one thread, written by another.
 */
#include <pthread.h>
#include "order.h"

static volatile int *lent;

static __attribute__((no_sanitize("thread"), noinline)) void lend(volatile int *p)
{
	lent = p;
}

static __attribute__((no_sanitize("thread"), noinline)) volatile int *borrowed(void)
{
	return lent;
}

static void *lender(void *arg)
{
	volatile int local = 0;

	lend(&local);
	local = 1;
	order_step();
	order_wait(2);
	return arg;
}

static void *borrower(void *arg)
{
	order_wait(1);
	*borrowed() = 2;
	order_step();
	return arg;
}

int main(void)
{
	pthread_t a, b;

	pthread_create(&a, NULL, lender, NULL);
	pthread_create(&b, NULL, borrower, NULL);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	return 0;
}
