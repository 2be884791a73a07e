/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock that the older side held is destroyed by the time of the report.
 */
#include <pthread.h>
#include "order.h"

static volatile int shared;
static pthread_mutex_t m;

static void *holds_lock(void *arg)
{
	pthread_mutex_lock(&m);
	shared = 1;
	pthread_mutex_unlock(&m);
	pthread_mutex_destroy(&m);
	order_step();
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_mutex_init(&m, NULL);
	pthread_create(&t, NULL, holds_lock, NULL);
	order_wait(1);
	shared = 2;
	pthread_join(t, NULL);
	return 0;
}
