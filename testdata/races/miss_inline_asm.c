/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store made by inline assembly is no store to the compiler's instrumentation. The control makes
 * it in C.
 *
 * control: data race in ring_doorbell, read_doorbell
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
#define STORE(to, value) (*(to) = (value))
#else
#define STORE(to, value) __asm__ volatile("movl %1, %0" : "=m"(*(to)) : "r"(value) : "memory")
#endif

int doorbell;

static NOINLINE void ring_doorbell(int value)
{
	STORE(&doorbell, value);
}

static NOINLINE int read_doorbell(void)
{
	return doorbell;
}

static void *worker(void *arg)
{
	ring_doorbell(4);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = read_doorbell();
	pthread_join(thread, NULL);
	return seen != 4;
}
