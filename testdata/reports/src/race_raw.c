/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plainest race, not symbolised: modules and offsets are all that is known.
 * options: symbolize=0
 * machine: yes
 */
#include <pthread.h>
#include "order.h"

static volatile int shared;

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
	return 0;
}
