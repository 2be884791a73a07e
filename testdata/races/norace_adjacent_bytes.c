/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two bytes of one word are two memory locations, and the detector keeps them apart. The control's
 * threads write the same byte.
 *
 * control: data race in set_left, set_right
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
enum { LEFT = 2, RIGHT = 2 };
#else
enum { LEFT = 2, RIGHT = 3 };
#endif

char flags[8] __attribute__((aligned(8)));

static NOINLINE void set_left(void)
{
	flags[LEFT] = 1;
}

static NOINLINE void set_right(void)
{
	flags[RIGHT] = 1;
}

static void *worker(void *arg)
{
	set_left();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	set_right();
	pthread_join(thread, NULL);
	return !flags[LEFT] || !flags[RIGHT];
}
