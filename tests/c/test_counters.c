/* SPDX-License-Identifier: BSD-2-Clause */
/* rsh_counters_write: bytes, errors, and numbers that hold while threads keep counting. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include <raceshim/counters.h>

#include "check.h"

#define THREADS   3
#define COUNTERS  1000
#define SNAPSHOTS 200

struct sink {
	unsigned char bytes[COUNTERS * 8];
	size_t len;
	int calls;
	int result;
};

static int collect(void *arg, const void *buf, size_t len)
{
	struct sink *s = arg;

	s->calls++;
	CHECK(len > 0 && len <= sizeof(s->bytes) - s->len);
	memcpy(s->bytes + s->len, buf, len);
	s->len += len;
	return s->result;
}

static uint64_t little_endian(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void test_bytes_are_little_endian(void)
{
	static const uint64_t counters[] = {0, 1, 0x0102030405060708, UINT64_MAX};
	static struct sink s;
	struct rsh_writer w = {collect, &s};

	CHECK_EQ(rsh_counters_write(counters, 4, &w), 0);
	CHECK_EQ(s.len, 32);
	for (size_t i = 0; i < 4; i++)
		CHECK(little_endian(s.bytes + 8 * i) == counters[i]);
	CHECK_EQ(s.bytes[16], 0x08);
}

static void test_errors(void)
{
	static struct sink s;
	struct rsh_writer w = {collect, &s}, none = {NULL, &s};
	uint64_t counters[2] = {1, 2};

	CHECK_EQ(rsh_counters_write(counters, 2, NULL), RSH_ENOWRITER);
	CHECK_EQ(rsh_counters_write(counters, 2, &none), RSH_ENOWRITER);
	CHECK_EQ(rsh_counters_write(NULL, 2, &w), EINVAL);
	CHECK_EQ(rsh_counters_write((void *)((char *)counters + 4), 1, &w), RSH_EMISALIGNED);
	CHECK_EQ(rsh_counters_write(counters, SIZE_MAX / 4, &w), EOVERFLOW);
	CHECK_EQ(rsh_counters_write(NULL, 0, &w), 0);
	CHECK_EQ(s.calls, 0);

	s.result = -4711;
	CHECK_EQ(rsh_counters_write(counters, 2, &w), -4711);
	s.result = ENOSPC;
	CHECK_EQ(rsh_counters_write(counters, 2, &w), ENOSPC);
	CHECK_EQ(s.calls, 2);
}

static void test_memory_that_is_not_there(void)
{
	static struct sink s;
	struct rsh_writer w = {collect, &s};

	/* Refused before a counter is looked at: the pages behind this one do not exist. */
	CHECK_EQ(rsh_counters_write((const uint64_t *)s.bytes, (size_t)1 << 58, &w), ENOMEM);
	CHECK_EQ(s.calls, 0);
}

static _Alignas(8) atomic_uint_fast64_t live[COUNTERS];
static atomic_int stop;
static uint64_t done[THREADS]; /* sweeps that a thread has made; read after join */

/* All counters in turn: a snapshot's numbers differ by what is being swept at the moment. */
static void *count(void *arg)
{
	uint64_t *sweeps = arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (size_t i = 0; i < COUNTERS; i++)
			atomic_fetch_add_explicit(&live[i], 1, memory_order_relaxed);
		++*sweeps;
		sched_yield();
	}
	return NULL;
}

/* The snapshot stays as it is although its counters move on while it is being written. */
static int collect_slowly(void *arg, const void *buf, size_t len)
{
	uint64_t first = little_endian(buf);
	static unsigned char before[COUNTERS * 8];

	CHECK_EQ(len, sizeof(before));
	memcpy(before, buf, len);
	while (atomic_load_explicit(&live[0], memory_order_relaxed) == first)
		sched_yield();
	CHECK(memcmp(before, buf, len) == 0);
	return collect(arg, buf, len);
}

static void test_snapshots_of_running_threads(void)
{
	static struct sink s;
	static uint64_t last[COUNTERS];
	struct rsh_writer w = {collect_slowly, &s}, fast = {collect, &s};
	pthread_t threads[THREADS];
	uint64_t total = 0;

	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, count, &done[i]), 0);
	for (int round = 0; round < SNAPSHOTS; round++) {
		s.len = 0;
		CHECK_EQ(rsh_counters_write((const uint64_t *)live, COUNTERS, &w), 0);
		CHECK_EQ(s.len, sizeof(s.bytes));
		for (size_t i = 0; i < COUNTERS; i++) {
			uint64_t now = little_endian(s.bytes + 8 * i);

			CHECK(now >= last[i]);
			last[i] = now;
		}
	}
	atomic_store_explicit(&stop, 1, memory_order_relaxed);
	for (size_t i = 0; i < THREADS; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		total += done[i];
	}
	s.len = 0;
	CHECK_EQ(rsh_counters_write((const uint64_t *)live, COUNTERS, &fast), 0);
	CHECK(total > 0);
	for (size_t i = 0; i < COUNTERS; i++)
		CHECK(little_endian(s.bytes + 8 * i) == total);
}

int main(void)
{
	test_bytes_are_little_endian();
	test_errors();
	test_memory_that_is_not_there();
	test_snapshots_of_running_threads();
	return 0;
}
