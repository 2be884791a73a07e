/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sequence lock without fences: the data are atomics, the reader's second look at the
 * sequence is a read-modify-write. The control's data are plain, which the sequence alone does not
 * make right.
 *
 * control: data race in write_pair, read_pair
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static unsigned sequence;
long left, right;

#ifdef RSH_CONTROL
#define PUT(var, value) ((var) = (value))
#define GET(var)        (var)
#else
#define PUT(var, value) __atomic_store_n(&(var), value, __ATOMIC_RELEASE)
#define GET(var)        __atomic_load_n(&(var), __ATOMIC_ACQUIRE)
#endif

static NOINLINE void write_pair(long value)
{
	PUT(left, value);
	PUT(right, -value);
}

static NOINLINE long read_pair(void)
{
	long a = GET(left);
	long b = GET(right);

	return a + b;
}

static void *worker(void *arg)
{
	__atomic_fetch_add(&sequence, 1, __ATOMIC_RELAXED);
	step_set(1);
	step_wait(2);
	write_pair(9); /* while the reader reads: its attempt must fail */
	step_set(3);
	__atomic_fetch_add(&sequence, 1, __ATOMIC_RELEASE);
	step_set(4);
	return arg;
}

int main(void)
{
	unsigned before, after;
	pthread_t thread;
	long torn;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	before = __atomic_load_n(&sequence, __ATOMIC_RELAXED);
	step_set(2);
	step_wait(3);
	torn = read_pair();
	step_wait(4);
	after = __atomic_fetch_add(&sequence, 0, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	return before == after || torn != 0;
}
