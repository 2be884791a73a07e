/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One side of the race is in code that was not built with the detector (a vendor's library, say):
 * the detector is blind to it. In the control the same store is instrumented.
 *
 * control: data race in set_volume, read_volume
 * uninstrumented: step.c blind.c
 */
#include <pthread.h>

#include "blind.h"
#include "step.h"

#ifdef RSH_CONTROL
#define STORE(to, value) (*(to) = (value))
#else
#define STORE(to, value) blind_store(to, value)
#endif

int volume;

static NOINLINE void set_volume(int to)
{
	STORE(&volume, to);
}

static NOINLINE int read_volume(void)
{
	return volume;
}

static void *worker(void *arg)
{
	set_volume(11);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = read_volume();
	pthread_join(thread, NULL);
	return seen != 11;
}
