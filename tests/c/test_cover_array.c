/* SPDX-License-Identifier: BSD-2-Clause */
/* Arrays of counters of the program's own: what is refused, what is written, what is kept. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <raceshim/cover.h>

#include "check.h"

#define THREADS  8
#define COUNTERS 500
#define READINGS 200
#define HEADER   64
#define TRAILER  8

/* A writer's bytes. */
struct sink {
	unsigned char bytes[1 << 20];
	size_t len;
	int result;
};

static struct sink out;

static int collect(void *arg, const void *buf, size_t len)
{
	struct sink *s = arg;

	if (s->result)
		return s->result;
	CHECK(len <= sizeof(s->bytes) - s->len);
	memcpy(s->bytes + s->len, buf, len);
	s->len += len;
	return 0;
}

static const struct rsh_writer writer = {collect, &out};

static uint64_t get64(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static uint64_t get_var(const unsigned char **p)
{
	uint64_t v = 0;

	for (int shift = 0;; shift += 7) {
		unsigned char byte = *(*p)++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
}

/* Add the counts of the unit at @unit to @sums; returns its length. */
static size_t add_unit(const unsigned char *unit, uint64_t *sums, size_t n)
{
	size_t length = (size_t)get64(unit + 16);
	const unsigned char *p = unit + HEADER, *end = unit + length - TRAILER;
	uint64_t index = UINT64_MAX;

	CHECK(memcmp(unit, "RSHCOVC\n", 8) == 0);
	CHECK_EQ(unit[10], 4);
	for (uint64_t left = get64(unit + 40); left; left--) {
		index += get_var(&p) + 1;
		CHECK(index < n);
		sums[index] += get_var(&p);
	}
	CHECK(p == end);
	return length;
}

/* Add what @call writes, in which there is one unit. */
static void add(int (*call)(const struct rsh_writer *w), uint64_t *sums, size_t n)
{
	out.len = 0;
	CHECK_EQ(call(&writer), 0);
	CHECK_EQ(add_unit(out.bytes, sums, n), out.len);
}

static void test_refusals(void)
{
	static uint64_t counters[2];
	struct rsh_cover_array good = {"refusals", counters, 2, 64, 3, NULL}, a;

	CHECK_EQ(rsh_cover_enabled(), 0);
	CHECK_EQ(rsh_cover_register(NULL), EINVAL);
	a = good, a.name = NULL;
	CHECK_EQ(rsh_cover_register(&a), EINVAL);
	a = good, a.counters = NULL;
	CHECK_EQ(rsh_cover_register(&a), EINVAL);
	a = good, a.n = 0;
	CHECK_EQ(rsh_cover_register(&a), EINVAL);
	a = good, a.bits = 16;
	CHECK_EQ(rsh_cover_register(&a), EINVAL);
	a = good, a.mode = 0;
	CHECK_EQ(rsh_cover_register(&a), EINVAL);
	a = good, a.mode = 4;
	CHECK_EQ(rsh_cover_register(&a), EINVAL);
	a = good, a.counters = (char *)counters + 4;
	CHECK_EQ(rsh_cover_register(&a), RSH_EMISALIGNED);
	a = good, a.n = UINT64_MAX / 8;
	CHECK_EQ(rsh_cover_register(&a), EOVERFLOW);
	CHECK_EQ(rsh_cover_unregister(counters), EINVAL);
	CHECK_EQ(rsh_cover_unregister(NULL), EINVAL);
	CHECK_EQ(rsh_cover_enabled(), 0);
	CHECK_EQ(rsh_cover_write_counters(&writer), RSH_ENOTCOVERED);
}

static uint64_t words[3];

static void test_counts_outlive_the_array(void)
{
	const struct rsh_cover_line lines[3] = {{"f", "a.x", 1}, {NULL, NULL, 0}, {"g", "b.x", 9}};
	struct rsh_cover_array array = {"words", words, 3, 64, 3, lines};
	uint64_t sums[3] = {0};
	struct rsh_cover_stats stats;

	CHECK_EQ(rsh_cover_register(&array), 0);
	CHECK_EQ(rsh_cover_register(&array), EBUSY);
	CHECK_EQ(rsh_cover_enabled(), 1);
	words[0] = 5;
	words[2] = UINT64_MAX;
	CHECK_EQ(rsh_cover_stats(&stats), 0);
	CHECK_EQ(stats.units, 1);
	CHECK_EQ(stats.functions, 1);
	CHECK_EQ(stats.counters, 3);
	CHECK_EQ(stats.live, 2);

	CHECK_EQ(rsh_cover_unregister(words), 0);
	CHECK_EQ(rsh_cover_unregister(words), EINVAL);
	words[0] = 1000; /* nobody looks here any more */
	add(rsh_cover_write_counters, sums, 3);
	CHECK_EQ(sums[0], 5);
	CHECK_EQ(sums[1], 0);
	CHECK(sums[2] == UINT64_MAX);

	/* Back again, it adds up, and does not go beyond the end. */
	words[0] = 2;
	words[1] = 1;
	CHECK_EQ(rsh_cover_register(&array), 0);
	memset(sums, 0, sizeof(sums));
	add(rsh_cover_write_counters, sums, 3);
	CHECK_EQ(sums[0], 7);
	CHECK_EQ(sums[1], 1);
	CHECK(sums[2] == UINT64_MAX);

	CHECK_EQ(rsh_cover_clear(), 0);
	CHECK_EQ(words[0] + words[1] + words[2], 0);
	memset(sums, 0, sizeof(sums));
	add(rsh_cover_write_counters, sums, 3);
	CHECK_EQ(sums[0] + sums[1] + sums[2], 0);
}

static void test_failed_delta_is_kept(void)
{
	uint64_t sums[3] = {0};

	words[0] = 3;
	out.result = ENOSPC;
	CHECK_EQ(rsh_cover_read_and_clear(&writer), ENOSPC);
	out.result = 0;
	CHECK_EQ(words[0], 0);
	words[0] = 4;
	add(rsh_cover_write_counters, sums, 3);
	CHECK_EQ(sums[0], 7);
	add(rsh_cover_read_and_clear, sums, 3);
	CHECK_EQ(sums[0], 14);
	add(rsh_cover_read_and_clear, sums, 3);
	CHECK_EQ(sums[0], 14);
}

static void test_child_begins_at_zero(void)
{
	uint64_t sums[3] = {0};
	int status;
	pid_t pid;

	words[1] = 8;
	pid = fork();
	if (pid == 0) {
		words[2] = 1;
		add(rsh_cover_write_counters, sums, 3);
		_exit(sums[0] == 0 && sums[1] == 0 && sums[2] == 1 ? 0 : 1);
	}
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(words[1], 8);
}

static uint8_t bytes[COUNTERS];
static uint32_t halves[COUNTERS];
static uint64_t wholes[COUNTERS];

static struct rsh_cover_array sizes[] = {
        {"bytes", bytes, COUNTERS, 8, 1, NULL},
        {"halves", halves, COUNTERS, 32, 3, NULL},
        {"wholes", wholes, COUNTERS, 64, 3, NULL},
};

static int stop;
static uint64_t rounds[THREADS]; /* each its thread's; read after the join */

static void *count(void *arg)
{
	uint64_t n = 0;

	do {
		for (size_t i = 0; i < COUNTERS; i++) {
			__atomic_store_n(&bytes[i], 1, __ATOMIC_RELAXED);
			__atomic_fetch_add(&halves[i], 1, __ATOMIC_RELAXED);
			__atomic_fetch_add(&wholes[i], 2, __ATOMIC_RELAXED);
		}
		n++;
		sched_yield();
	} while (!__atomic_load_n(&stop, __ATOMIC_RELAXED));
	*(uint64_t *)arg = n;
	return NULL;
}

/* All units of one reading: that of the words first, then the three sizes in their order. */
static void add_all(uint64_t sums[3][COUNTERS])
{
	uint64_t ignored[3] = {0};
	size_t at;

	out.len = 0;
	CHECK_EQ(rsh_cover_read_and_clear(&writer), 0);
	at = add_unit(out.bytes, ignored, 3);
	for (int i = 0; i < 3; i++)
		at += add_unit(out.bytes + at, sums[i], COUNTERS);
	CHECK_EQ(at, out.len);
}

static void test_deltas_of_running_threads(void)
{
	static uint64_t sums[3][COUNTERS];
	pthread_t threads[THREADS];
	uint64_t total = 0;

	for (int i = 0; i < 3; i++)
		CHECK_EQ(rsh_cover_register(&sizes[i]), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, count, &rounds[i]), 0);
	while (!__atomic_load_n(&wholes[COUNTERS - 1], __ATOMIC_RELAXED)) /* they have begun */
		sched_yield();
	for (int i = 0; i < READINGS; i++) {
		add_all(sums);
		sched_yield();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		total += rounds[i];
	}
	add_all(sums);
	CHECK(total > 0);
	for (int i = 0; i < COUNTERS; i++) {
		CHECK(sums[0][i] > 0 && sums[0][i] <= READINGS + 1);
		CHECK_EQ(sums[1][i], total);
		CHECK_EQ(sums[2][i], 2 * total);
	}
}

static void test_plain_counters_are_not_taken(void)
{
	static uint32_t plain[4] = {1, 0, 1, 0};
	struct rsh_cover_array array = {"plain", plain, 4, 32, 2, NULL};

	CHECK_EQ(rsh_cover_register(&array), 0);
	CHECK_EQ(rsh_cover_read_and_clear(&writer), RSH_ECOVERMODE);
	CHECK_EQ(plain[0], 1);
	CHECK_EQ(rsh_cover_clear(), 0);
	CHECK_EQ(plain[0], 0);
}

/* Arrays come and go in one thread while others read and write everything there is. */
static void *come_and_go(void *arg)
{
	static uint64_t mine[THREADS][64];
	uint64_t *counters = mine[(intptr_t)arg];
	struct rsh_cover_array array = {"mine", counters, 64, 64, 3, NULL};
	char name[2] = {(char)('a' + (intptr_t)arg), 0};

	array.name = name;
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(rsh_cover_register(&array), 0);
		__atomic_fetch_add(&counters[i % 64], 1, __ATOMIC_RELAXED);
		CHECK_EQ(rsh_cover_unregister(counters), 0);
		__atomic_store_n(&counters[i % 64], 0, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int ignore(void *arg, const void *buf, size_t len)
{
	(void)arg;
	return buf == NULL && len == 0;
}

static void *read_all(void *arg)
{
	const struct rsh_writer w = {ignore, NULL};

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct rsh_cover_stats stats;

		CHECK_EQ(rsh_cover_write_counters(&w), 0);
		CHECK_EQ(rsh_cover_write_meta(&w), 0);
		CHECK_EQ(rsh_cover_stats(&stats), 0);
	}
	return arg;
}

static void test_everything_at_once(void)
{
	pthread_t readers[2], threads[THREADS];
	struct rsh_cover_stats stats;

	CHECK_EQ(rsh_cover_clear(), 0);
	stop = 0;
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&readers[i], NULL, read_all, NULL), 0);
	for (intptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, come_and_go, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(readers[i], NULL), 0);
	/* Each array is one unit however often it came, and all of its counters were counted. */
	CHECK_EQ(rsh_cover_stats(&stats), 0);
	CHECK_EQ(stats.units, 5 + THREADS);
	CHECK_EQ(stats.live, 64 * THREADS);
}

int main(void)
{
	test_refusals();
	test_counts_outlive_the_array();
	test_failed_delta_is_kept();
	test_child_begins_at_zero();
	test_deltas_of_running_threads();
	test_plain_counters_are_not_taken();
	test_everything_at_once();
	return 0;
}
