/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_WAITING_H
#define RSH_TESTS_WAITING_H

/* What the tests of the lock profile have in common. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <raceshim/lockprof.h>

#include "check.h"

#define RECORDS 1000

typedef int read_function(struct rsh_lock_record *dst, size_t n, size_t *got);

/* A function that is known by where it lies: IN(x) void f(void), AT(x) later. */
#define IN(name)                                                                                   \
	extern const char __start_##name[], __stop_##name[];                                       \
	__attribute__((section(#name), noinline)) static
#define AT(name) __start_##name, __stop_##name

static inline int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int is_in(const struct rsh_lock_record *r, const char *start, const char *stop)
{
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->pcs[i] > (uintptr_t)start && r->pcs[i] <= (uintptr_t)stop)
			return 1;
	}
	return 0;
}

/*
 * All that a profile has of @kind with a frame in [start, stop): added up in *@sum, whose n is how
 * many records these are.
 */
static inline void find(read_function *read, uint32_t kind, const char *start, const char *stop,
                        struct rsh_lock_record *sum)
{
	static struct rsh_lock_record records[RECORDS];
	size_t got = 0;

	memset(sum, 0, sizeof(*sum));
	CHECK_EQ(read(records, RECORDS, &got), 0);
	for (size_t i = 0; i < got; i++) {
		if (records[i].kind != kind || !is_in(&records[i], start, stop))
			continue;
		sum->count += records[i].count;
		sum->delay += records[i].delay;
		sum->n++;
	}
}

/* Whether the kernel says that a thread sleeps. */
static inline int is_asleep(int tid)
{
	char path[64], text[512] = "", *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	CHECK(file);
	CHECK(fgets(text, sizeof(text), file));
	fclose(file);
	state = strrchr(text, ')');
	CHECK(state);
	return state[2] == 'S';
}

/* Wait until thread *@tid, when it is known, sleeps. */
static inline void await_sleep(atomic_int *tid)
{
	while (!atomic_load(tid))
		usleep(100);
	/* More than once: it may have waited for a detector. */
	for (int asleep = 0; asleep < 3; usleep(1000))
		asleep = is_asleep(atomic_load(tid)) ? asleep + 1 : 0;
}

static inline void start_profiles(uint64_t block_rate, uint64_t mutex_fraction)
{
	const struct rsh_lockprof_options options = {block_rate, mutex_fraction};

	CHECK_EQ(rsh_lockprof_start(&options), 0);
}

#endif /* RSH_TESTS_WAITING_H */
