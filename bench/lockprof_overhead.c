/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What locks cost: lockprof_overhead pair|contended RATE ROUNDS
 *
 * pair: nanoseconds of one lock and unlock of a mutex that nobody else wants. contended: of processor
 * time of one turn of four threads that want the same mutex, hold it for some microseconds, and do as
 * much without it.
 * RATE: of the block profile in nanoseconds, with every unlock counted; 0 is none. Built with LOCKS it
 * goes through the library's hooks, and without it does not know of the library.
 */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef LOCKS
#include <raceshim/lockprof.h>
#endif

#define THREADS 4

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t shared;
static long rounds;

static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void work(volatile uint64_t *at, int n)
{
	for (int i = 0; i < n; i++)
		*at = *at * 3 + 1;
}

static void *take_turns(void *arg)
{
	volatile uint64_t own = 0;

	for (long i = 0; i < rounds / THREADS; i++) {
		pthread_mutex_lock(&mutex);
		work(&shared, 3000);
		pthread_mutex_unlock(&mutex);
		work(&own, 3000);
	}
	return arg;
}

static int64_t contended(void)
{
	pthread_t threads[THREADS];
	int64_t start = now(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, take_turns, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return now(CLOCK_PROCESS_CPUTIME_ID) - start;
}

/* The best of many short times, since on a busy machine most are others'. */
static int64_t pair(void)
{
	const long some = rounds / 200 + 1;
	int64_t best = INT64_MAX;

	for (int i = 0; i < 200; i++) {
		int64_t start = now(CLOCK_MONOTONIC), took;

		for (long k = 0; k < some; k++) {
			pthread_mutex_lock(&mutex);
			pthread_mutex_unlock(&mutex);
		}
		took = now(CLOCK_MONOTONIC) - start;
		best = took < best ? took : best;
	}
	return best * rounds / some;
}

static void *idle(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	long rate;

	if (argc != 4)
		return 2;
	rate = atol(argv[2]);
	rounds = atol(argv[3]);
#ifdef LOCKS
	struct rsh_lockprof_options options = {(uint64_t)rate, 1};

	if (rate && rsh_lockprof_start(&options))
		return 1;
#else
	if (rate)
		return 2;
#endif
	/* Where there has never been a second thread, libc's locks are cheaper. */
	pthread_create(&thread, NULL, idle, NULL);
	pthread_join(thread, NULL);
	printf("%.2f\n", (double)(strcmp(argv[1], "pair") ? contended() : pair()) / (double)rounds);
	return 0;
}
