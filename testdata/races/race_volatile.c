/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `volatile` is not synchronisation: a stop flag that is only volatile races.
 *
 * report: data race in request_stop, should_stop
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

volatile int stop;

static NOINLINE void request_stop(void)
{
	stop = 1;
}

static NOINLINE int should_stop(void)
{
	return stop;
}

static void *worker(void *arg)
{
	request_stop();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = should_stop();
	pthread_join(thread, NULL);
	return seen != 1;
}
