/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples by the ten thousand of threads that allocate, sort, lock, start threads and load libraries:
 * nothing hangs, nothing is unaccounted for, and stacks are whole.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "core/pool.h"
#include "core/sys.h"
#include "core/unwind.h"
#include "sampling_sig.h"

#define WORKERS 4
#define ROUNDS  150
#define PERIOD  20000 /* ns */

static struct rshi_pool *pool;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t shared; /* under the mutex */
static atomic_int working;
static char library_path[4096];

static int start_timer(void)
{
	int id = -1;

	CHECK_EQ(rshi_timer_create_sig(CLOCK_MONOTONIC, rshi_gettid_sig(), SAMPLING_SIGNAL, 0, &id),
	         0);
	CHECK_EQ(rshi_timer_settime_sig(id, PERIOD, PERIOD), 0);
	return id;
}

static void stop_timer(int id)
{
	CHECK_EQ(rshi_timer_delete_sig(id), 0);
	sampling_end_thread_sig();
}

static int by_value(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void *live_shortly(void *arg)
{
	int id = start_timer();
	char *p = malloc(1000);

	CHECK(p);
	memset(p, 1, 1000);
	free(p);
	stop_timer(id);
	return arg;
}

static void load_and_unload(void)
{
	void *library = dlopen(library_path, RTLD_NOW);

	CHECK(library);
	CHECK(dlsym(library, "reload_call"));
	CHECK_EQ(dlclose(library), 0);
}

static void *work(void *arg)
{
	const int *number = arg;
	int id = start_timer();

	for (int round = 0; round < ROUNDS; round++) {
		int values[200];
		pthread_t thread;

		for (int i = 0; i < 200; i++)
			values[i] = i * 7919 % 200;
		qsort(values, 200, sizeof(*values), by_value);
		pthread_mutex_lock(&mutex);
		shared += (uint64_t)values[round];
		pthread_mutex_unlock(&mutex);
		free(realloc(malloc((size_t)round * 10 + 1), (size_t)round * 1000 + 1));
		if (*number == 0)
			load_and_unload();
		if (*number == 1 && round % 8 == 0) {
			CHECK_EQ(pthread_create(&thread, NULL, live_shortly, NULL), 0);
			CHECK_EQ(pthread_join(thread, NULL), 0);
		}
	}
	stop_timer(id);
	atomic_fetch_sub(&working, 1);
	return NULL;
}

struct seen {
	uint64_t samples, roots, lost;
};

static int emit(void *arg, int tid, const uint64_t *records, size_t n)
{
	struct seen *s = arg;

	(void)tid;
	for (size_t i = 0; i < n; i += rshi_record_length(&records[i])) {
		if (rshi_record_kind(&records[i]) != RSHI_SAMPLE) {
			s->lost += records[i + 4];
			continue;
		}
		s->samples++;
		s->roots += records[i + 3] == RSHI_END_ROOT;
	}
	return 0;
}

int main(void)
{
	ssize_t n = readlink("/proc/self/exe", library_path, sizeof(library_path) - 64);
	struct rshi_pool_account account;
	pthread_t threads[WORKERS];
	int numbers[WORKERS];
	struct seen seen = {0};

	CHECK(n > 0);
	strcpy(strrchr(library_path, '/') + 1, "reload_264.so");
	CHECK_EQ(rshi_pool_create(WORKERS, 1 << 14, SAMPLING_HEADER, &pool), 0);
	CHECK_EQ(sampling_start_sig(pool), 0);
	atomic_store(&working, WORKERS);
	for (int i = 0; i < WORKERS; i++) {
		numbers[i] = i;
		CHECK_EQ(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
	}
	while (atomic_load(&working)) {
		rshi_pool_wait(pool, 10000000);
		CHECK_EQ(rshi_pool_read(pool, emit, &seen), 0);
	}
	for (int i = 0; i < WORKERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(rshi_pool_read(pool, emit, &seen), 0);

	rshi_pool_account(pool, &account);
	printf("%llu samples, %llu lost; root found in %.3f %%\n", (unsigned long long)seen.samples,
	       (unsigned long long)seen.lost, 100.0 * (double)seen.roots / (double)seen.samples);
	CHECK_EQ(account.accepted, sampling_count_sig());
	CHECK_EQ(account.accepted, seen.samples + seen.lost);
	CHECK(seen.samples > 500);
	CHECK(seen.roots * 1000 >= seen.samples * 995);
	return 0;
}
