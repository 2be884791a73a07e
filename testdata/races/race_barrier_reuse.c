/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One barrier too few: the second phase overwrites what the slower thread of the first phase still
 * reads.
 *
 * report: data race in read_phase_one, write_phase_two
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static pthread_barrier_t barrier;
int cell = 1;

static NOINLINE int read_phase_one(void)
{
	return cell;
}

static NOINLINE void write_phase_two(void)
{
	cell = 2;
}

static void *worker(void *arg)
{
	int *seen = arg;

	pthread_barrier_wait(&barrier);
	*seen = read_phase_one();
	step_set(1);
	return arg;
}

int main(void)
{
	static int seen;
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, worker, &seen);
	pthread_barrier_wait(&barrier);
	step_wait(1);
	write_phase_two();
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	return seen != 1;
}
