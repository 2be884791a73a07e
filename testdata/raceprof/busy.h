/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that keep the detector busy while they are being profiled. Every call is an event in the
 * detector's trace of the thread, which it must often make room in, so that signals find the thread
 * inside the detector. Nothing orders one thread's handler with the other's: a handler that the
 * detector can see is a handler that it reports.
 */
#ifndef BUSY_H
#define BUSY_H

#include <pthread.h>
#include <stdio.h>

#include "sampler.h"

struct profiled {
	long hz;
	unsigned long samples; /* of each thread; then it ends */
	unsigned rest;         /* between two calls: what is reported must still be in the trace */
};

static __attribute__((noinline)) void busy_call(volatile long *calls)
{
	++*calls;
}

static void *busy_thread(void *arg)
{
	const struct profiled *profiled = arg;
	long calls = 0;
	timer_t timer;

	if (sampler_start(&timer, profiled->hz) != 0)
		return arg;
	while (sampler_handled() < profiled->samples) {
		busy_call(&calls);
		sampler_rest(profiled->rest);
	}
	return sampler_stop(timer) != 0 ? arg : NULL;
}

/* busy_profiled - profile two busy threads by @handler; prints OK if nothing went wrong */
static int busy_profiled(void (*handler)(int), struct profiled profiled)
{
	pthread_t threads[2];
	void *failed[2];
	int i;

	if (sampler_install(handler) != 0)
		return 1;
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, busy_thread, &profiled);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], &failed[i]);
	if (failed[0] != NULL || failed[1] != NULL || sampler_check() != 0)
		return 1;
	puts("OK");
	return 0;
}

#endif
