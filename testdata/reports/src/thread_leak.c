/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread ends and is never joined.
 * machine: yes
 * options: atexit_sleep_ms=500
 */
#include <pthread.h>
#include "order.h"

static void *ends(void *arg)
{
	order_step();
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, ends, NULL);
	order_wait(1);
	return 0;
}
