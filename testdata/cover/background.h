/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COVER_BACKGROUND_H
#define COVER_BACKGROUND_H

/* A thread that goes on counting until the process ends. */

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static int turns;

static NOINLINE int blah(int x)
{
	if (x != 0)
		return x + 42;
	return x - 42;
}

static void *count_for_ever(void *arg)
{
	for (;;) {
		__atomic_fetch_add(&turns, blah(1) - blah(0) - 84, __ATOMIC_RELAXED);
		usleep(100);
	}
	return arg;
}

static void begin(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, count_for_ever, NULL) != 0)
		abort();
	pthread_detach(thread);
	while (__atomic_load_n(&turns, __ATOMIC_RELAXED) < 3)
		usleep(100);
}

#endif /* COVER_BACKGROUND_H */
