/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The detector sees both accesses, but to report them it needs the stack of the older one, which it
 * replays from the thread's history. Millions of calls later that history is overwritten, and the
 * race is dropped in silence. (gcc 12's older runtime reports it, with half of the stacks missing.)
 * The control has a short history.
 *
 * control: data race in write_early, read_late
 * compilers: clang-19 clang-14
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
enum { CALLS = 10 };
#else
enum { CALLS = 10 * 1000 * 1000 };
#endif

int early;
unsigned long work;

static NOINLINE void write_early(void)
{
	early = 1;
}

static NOINLINE int read_late(void)
{
	return early;
}

static NOINLINE void busy(unsigned long i)
{
	work += i;
}

static void *worker(void *arg)
{
	unsigned long i;

	write_early();
	for (i = 0; i < CALLS; i++)
		busy(i);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = read_late();
	pthread_join(thread, NULL);
	return seen != 1;
}
