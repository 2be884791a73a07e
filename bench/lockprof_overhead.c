/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What locks cost: lockprof_overhead pair|contended|many RATE ROUNDS
 *
 * pair: nanoseconds of one lock and unlock of a mutex that nobody else wants. contended: of processor
 * time of one turn of four threads that want the same mutex, hold it for some microseconds, and do as
 * much without it. many: likewise of one turn of four threads that take any of 64 mutexes for a moment,
 * so that now and then one waits for another.
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
static struct {
	_Alignas(64) pthread_mutex_t mutex; /* zeros, as PTHREAD_MUTEX_INITIALIZER */
	volatile uint64_t guarded;
} many[64];
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

static void *take_any(void *arg)
{
	uint64_t x = (uintptr_t)arg * 2654435761 + 88172645463325252u;

	for (long i = 0; i < rounds / THREADS; i++) {
		uint64_t at;

		x = x * 6364136223846793005u + 1442695040888963407u;
		at = x >> 58;
		pthread_mutex_lock(&many[at].mutex);
		work(&many[at].guarded, 20);
		pthread_mutex_unlock(&many[at].mutex);
	}
	return NULL;
}

static int64_t together(void *(*run)(void *))
{
	pthread_t threads[THREADS];
	int64_t start = now(CLOCK_PROCESS_CPUTIME_ID);

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, run, (void *)i);
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
	int64_t took;
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
	if (!strcmp(argv[1], "pair"))
		took = pair();
	else
		took = together(strcmp(argv[1], "many") ? take_turns : take_any);
	printf("%.2f\n", (double)took / (double)rounds);
	return 0;
}
