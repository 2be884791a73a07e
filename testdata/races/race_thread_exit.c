/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a thread is no edge; only pthread_join() is. Main knows that the thread is gone (the
 * kernel no longer has it) and reads its result without joining first.
 *
 * report: data race in leave_result, read_result
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

int result;
static int tid;

static NOINLINE void leave_result(void)
{
	result = 42;
}

static NOINLINE int read_result(void)
{
	return result;
}

static void *worker(void *arg)
{
	int *out = arg;

	leave_result();
	__atomic_store_n(out, step_self(), __ATOMIC_RELAXED);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, &tid);
	step_wait(1);
	step_gone(__atomic_load_n(&tid, __ATOMIC_RELAXED));
	seen = read_result();
	pthread_join(thread, NULL);
	return seen != 42;
}
