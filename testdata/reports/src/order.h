/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps that threads take in a fixed order which the detectors cannot see, so that every run of a
 * program gives the same report. Compiled without instrumentation; no sleep, no lock.
 */
#ifndef ORDER_H
#define ORDER_H
#include <sched.h>

static volatile int order_now;

/* Tell whether n steps are done. */
__attribute__((no_sanitize("thread"), noinline, unused)) static int order_reached(int n)
{
	return order_now >= n;
}

/* Wait until n steps are done. */
__attribute__((no_sanitize("thread"), noinline, unused)) static void order_wait(int n)
{
	while (order_now < n)
		sched_yield();
}

/* Do one step. */
__attribute__((no_sanitize("thread"), noinline, unused)) static void order_step(void)
{
	order_now = order_now + 1;
}

#endif
