/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that has ended and was neither joined nor detached is kept for ever.
 *
 * report: thread leak in start_and_forget
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static int tid;

static void *worker(void *arg)
{
	__atomic_store_n(&tid, step_self(), __ATOMIC_RELAXED);
	step_set(1);
	return arg;
}

static NOINLINE void start_and_forget(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
}

int main(void)
{
	start_and_forget();
	step_wait(1);
	step_gone(__atomic_load_n(&tid, __ATOMIC_RELAXED));
	return 0;
}
