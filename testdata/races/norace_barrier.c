/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A barrier orders everything before it in one thread with everything after it in the others. The
 * control leaves the barrier out.
 *
 * control: data race in compute_half, combine
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

pthread_barrier_t barrier;

#ifdef RSH_CONTROL
#define MEET()
#else
#define MEET() pthread_barrier_wait(&barrier)
#endif

int half;

static NOINLINE void compute_half(void)
{
	half = 21;
}

static NOINLINE int combine(void)
{
	return 2 * half;
}

static void *worker(void *arg)
{
	compute_half();
	MEET();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int whole;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, worker, NULL);
	MEET();
	step_wait(1);
	whole = combine();
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	return whole != 42;
}
