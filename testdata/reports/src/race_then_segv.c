/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A race is reported and then the program crashes.
 */
#include <pthread.h>
#include "order.h"

static volatile int shared;
static int *volatile nowhere;

static void *writer(void *arg)
{
	shared = 1;
	order_step();
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, writer, NULL);
	order_wait(1);
	shared = 2;
	pthread_join(t, NULL);
	*nowhere = 1;
	return 0;
}
