/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sides are ordered by nothing but a sleep: section `As if synchronized via sleep`.
 */
#include <pthread.h>
#include <unistd.h>
#include "order.h"

static volatile int shared;

static void *early(void *arg)
{
	shared = 1;
	order_step();
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, early, NULL);
	order_wait(1);
	usleep(1000);
	shared = 2;
	pthread_join(t, NULL);
	return 0;
}
