/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that count while somebody reads: each calls unit_of_work() until it is told to stop and
 * knows how often it did, in memory of its own. begin() starts them, end() gives the true sum.
 */
#ifndef COUNTING_H
#define COUNTING_H

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

enum { THREADS = 8 };

static pthread_t threads[THREADS];
static uint64_t calls[THREADS]; /* each its thread's; read after the join */
static int stop;

static __attribute__((noinline)) int unit_of_work(int x)
{
	if (x & 1)
		return x + 42;
	return x - 42;
}

/* Threads that only begin and end, while the others count. */
static void *short_life(void *arg)
{
	*(uint64_t *)arg += 1;
	(void)unit_of_work(1);
	return NULL;
}

static void *count_until_told(void *arg)
{
	uint64_t n = 0, mine = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		(void)unit_of_work((int)n++);
		if (n % 512 == 0) {
			pthread_t child;

			if (pthread_create(&child, NULL, short_life, &mine) != 0 ||
			    pthread_join(child, NULL) != 0)
				abort();
			sched_yield();
		}
	}
	*(uint64_t *)arg = n + mine;
	return NULL;
}

static void begin(void)
{
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, count_until_told, &calls[i]) != 0)
			abort();
}

static uint64_t end(void)
{
	uint64_t sum = 0;

	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++) {
		if (pthread_join(threads[i], NULL) != 0)
			abort();
		sum += calls[i];
	}
	return sum;
}

#endif
