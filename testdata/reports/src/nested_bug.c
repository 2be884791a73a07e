/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A callback of the runtime crashes in the middle of a report: nested bug, and a torn report.
 */
#include <pthread.h>
#include "order.h"

static volatile int shared;
static int *volatile nowhere;

void __tsan_on_report(void *report);

void __tsan_on_report(void *report)
{
	(void)report;
	*nowhere = 1;
}

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
