/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running thread at exit, with counters made by the compiler: infloop() calls blah() for ever,
 * and main calls it too. With ENDLESS 0 the loop ends after one turn, and end() joins the thread.
 */
#ifndef INFLOOP_H
#define INFLOOP_H

#include <pthread.h>

#include "../races/step.h"

#ifndef ENDLESS
#define ENDLESS 1
#endif

static NOINLINE int blah(int x)
{
	if (x != 0)
		return x + 42;
	return x - 42;
}

static int total;

static void *infloop(void *arg)
{
	do {
		__atomic_fetch_add(&total, blah(1) + blah(0), __ATOMIC_RELAXED);
		step_set(1);
		step_nap(); /* no hot loop: see ../races/step.h */
	} while (ENDLESS);
	return arg;
}

static void end(pthread_t thread)
{
	if (ENDLESS)
		pthread_detach(thread);
	else
		pthread_join(thread, NULL);
}

#endif
