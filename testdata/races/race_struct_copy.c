/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A struct assignment reads every field, also the one that another thread writes.
 *
 * report: data race in take_snapshot, set_last
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

struct stats {
	long field[32];
};

struct stats current, snapshot;

static NOINLINE void take_snapshot(void)
{
	snapshot = current;
}

static NOINLINE void set_last(long value)
{
	current.field[31] = value;
}

static void *worker(void *arg)
{
	take_snapshot();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	set_last(9);
	pthread_join(thread, NULL);
	return snapshot.field[31] != 0;
}
