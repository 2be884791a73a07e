/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The source engine against records made by hand: in any order, with bitmaps, of single bytes, and
 * wrong in every way that a record can be.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <raceshim/cover.h>
#include <raceshim/cover_unit.h>

#include "check.h"

#define FUNCTIONS 3
#define THREADS   4
#define HEADER    64
#define TRAILER   8

/* As clang 19 has it. */
struct record {
	uint64_t name_ref;
	uint64_t func_hash;
	int64_t counters; /* relative to the record */
	int64_t bitmap;
	void *function;
	void *values;
	uint32_t num_counters;
	uint16_t sites[3];
	uint32_t num_bitmap;
};

static struct record records[FUNCTIONS];
static uint64_t memory[8]; /* a word on either side of the section */
static uint64_t *const words = memory + 1;
static unsigned char single[6], bits[4];
static const char names[] = "\3\0a\1b";

static unsigned char out[4096];
static size_t out_len;

static int collect(void *arg, const void *buf, size_t len)
{
	(void)arg;
	CHECK(len <= sizeof(out) - out_len);
	memcpy(out + out_len, buf, len);
	out_len += len;
	return 0;
}

static const struct rsh_writer writer = {collect, NULL};

/* Function @i has @n counters at @counters and @m bytes of bitmap at @bitmap. */
static void fill(int i, const void *counters, uint32_t n, const void *bitmap, uint32_t m)
{
	struct record *r = &records[i];

	r->name_ref = (uint64_t)i + 1;
	r->func_hash = (uint64_t)i + 100;
	r->counters = (const char *)counters - (const char *)r;
	r->num_counters = n;
	r->bitmap = m ? (const char *)bitmap - (const char *)r : 0;
	r->num_bitmap = m;
}

/* Functions of 1, 2 and 3 counters, the last one first in memory, the second with a bitmap. */
static void fill_all(const void *counters, size_t size)
{
	const char *p = counters;

	fill(0, p + 3 * size, 1, NULL, 0);
	fill(1, p + 4 * size, 2, bits + 1, 2);
	fill(2, p, 3, NULL, 0);
}

static struct rsh_cover_unit unit_of(uint8_t mode, uint8_t size)
{
	struct rsh_cover_unit unit = {
	        .abi = sizeof(struct rsh_cover_unit),
	        .raw_version = 10,
	        .engine = RSH_COVER_SOURCE,
	        .mode = mode,
	        .counter_size = size,
	        .record_size = sizeof(struct record),
	        .name_ref = offsetof(struct record, name_ref),
	        .func_hash = offsetof(struct record, func_hash),
	        .counter_ptr = offsetof(struct record, counters),
	        .num_counters = offsetof(struct record, num_counters),
	        .bitmap_ptr = offsetof(struct record, bitmap),
	        .num_bitmap = offsetof(struct record, num_bitmap),
	        .compiler = "by hand",
	        .data = {records, records + FUNCTIONS},
	        .counters = {words, words + 6},
	        .names = {names, names + sizeof(names) - 1},
	        .bitmaps = {bits, bits + 4},
	};

	if (size == 1) {
		unit.counters[0] = single;
		unit.counters[1] = single + 6;
	}
	return unit;
}

/* The body of the last unit of what is written. */
static size_t body(const unsigned char **at)
{
	size_t length = 0;

	out_len = 0;
	CHECK_EQ(rsh_cover_write_counters(&writer), 0);
	for (size_t i = 0; i < out_len; i += length) {
		*at = out + i;
		length = (size_t)(*at)[16] | (size_t)(*at)[17] << 8;
	}
	*at += HEADER;
	return length - HEADER - TRAILER;
}

static void check_body(const char *bytes, size_t n)
{
	const unsigned char *at = NULL;

	CHECK_EQ(body(&at), n);
	CHECK(memcmp(at, bytes, n) == 0);
}

static void test_order_of_the_records(void)
{
	struct rsh_cover_unit unit = unit_of(RSH_COVER_ATOMIC, 8);
	struct rsh_cover_stats stats;

	fill_all(words, 8);
	CHECK_EQ(rsh_cover_unit_register(&unit), 0);
	CHECK_EQ(rsh_cover_stats(&stats), 0);
	CHECK_EQ(stats.functions, 3);
	CHECK_EQ(stats.counters, 6);
	CHECK_EQ(stats.live, 0);
	check_body("", 0);

	words[0] = 300;
	words[2] = 1;
	words[5] = 2;
	/* The second function: 0, 2, its bitmap; the third: 300, 0, 1. */
	check_body("\1\0\2\0\0\0\xac\2\0\1", 10);
	bits[1] = 0x80;
	bits[3] = 0xff; /* nobody's */
	words[5] = 0;
	check_body("\1\0\0\x80\0\0\xac\2\0\1", 10);

	/* Unloaded, loaded again: words add up, bits join. */
	rsh_cover_unit_unregister(&unit);
	rsh_cover_unit_unregister(&unit);
	bits[1] = 1;
	CHECK_EQ(rsh_cover_unit_register(&unit), 0);
	check_body("\1\0\0\x81\0\0\xd8\4\0\2", 10);

	CHECK_EQ(rsh_cover_clear(), 0);
	check_body("", 0);
	CHECK_EQ(bits[1], 0);
	CHECK_EQ(bits[3], 0xff);
	rsh_cover_unit_unregister(&unit);
}

/* Set mode keeps the counts: regions without a counter are differences of them. */
static void test_set(void)
{
	struct rsh_cover_unit unit = unit_of(RSH_COVER_SET, 8);

	memset(bits, 0, sizeof(bits));
	words[3] = 50;
	CHECK_EQ(rsh_cover_unit_register(&unit), 0);
	check_body("\0\62", 2);
	rsh_cover_unit_unregister(&unit);
	CHECK_EQ(rsh_cover_unit_register(&unit), 0);
	check_body("\0\144", 2);
	CHECK_EQ(rsh_cover_clear(), 0);
	rsh_cover_unit_unregister(&unit);
}

/* Of single bytes 0xff is not reached, and 0 is. */
static void test_single_bytes(void)
{
	struct rsh_cover_unit unit = unit_of(RSH_COVER_SET, 1);

	memset(single, 0xff, sizeof(single));
	single[4] = 0;
	fill_all(single, 1);
	CHECK_EQ(rsh_cover_unit_register(&unit), 0);
	check_body("\1\1\0\0\0", 5);
	CHECK_EQ(rsh_cover_read_and_clear(&writer), 0);
	CHECK_EQ(single[4], 0xff);
	check_body("", 0);
	single[0] = 0;
	check_body("\2\1\0\0", 4);
	CHECK_EQ(rsh_cover_clear(), 0);
	CHECK_EQ(single[0], 0xff);
	rsh_cover_unit_unregister(&unit);
}

static int stop;
static uint64_t rounds[THREADS]; /* each its thread's; read after the join */

static void *count(void *arg)
{
	uint64_t n = 0;

	for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
		for (int i = 0; i < 6; i++)
			__atomic_fetch_add(&words[i], 1, __ATOMIC_RELAXED);
		sched_yield();
	}
	*(uint64_t *)arg = n;
	return NULL;
}

/* Sums are checked where compilers count; here the visible build looks at every access. */
static void test_threads(void)
{
	struct rsh_cover_unit unit = unit_of(RSH_COVER_ATOMIC, 8);
	struct rsh_cover_stats stats;
	pthread_t threads[THREADS];
	uint64_t sum = 0;

	fill_all(words, 8);
	memset(memory, 0, sizeof(memory));
	CHECK_EQ(rsh_cover_unit_register(&unit), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, count, &rounds[i]), 0);
	for (int i = 0; i < 200; i++) {
		out_len = 0;
		CHECK_EQ(rsh_cover_write_counters(&writer), 0);
		CHECK_EQ(rsh_cover_stats(&stats), 0);
		CHECK(stats.live <= 3);
		sched_yield();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		sum += rounds[i];
	}
	CHECK_EQ(words[0], sum);
	CHECK_EQ(rsh_cover_clear(), 0);
	rsh_cover_unit_unregister(&unit);
}

/* After this, whatever writes coverage says so: a test of its own process comes last. */
static void test_wrong_records(int which)
{
	struct rsh_cover_unit unit = unit_of(RSH_COVER_ATOMIC, 8);

	fill_all(words, 8);
	switch (which) {
	case 0: /* two functions share a counter */
		fill(0, words + 2, 1, NULL, 0);
		break;
	case 1: /* before the section, after it, over its end */
		fill(0, words - 1, 1, NULL, 0);
		break;
	case 2:
		fill(0, words + 6, 1, NULL, 0);
		break;
	case 3:
		fill(2, words + 4, 3, NULL, 0);
		break;
	case 4: /* so many that their size is 0 again */
		fill(2, words, 0x20000000, NULL, 0);
		break;
	case 5: /* not at a counter */
		fill(2, (char *)words + 4, 3, NULL, 0);
		break;
	case 6: /* bitmaps likewise */
		fill(1, words + 4, 2, bits + 3, 2);
		break;
	case 7: /* half a record */
		unit.data[1] = (const char *)unit.data[1] - 8;
		break;
	case 8: /* no counter has such a size */
		unit.counter_size = 4;
		break;
	default:
		unit.record_size = 0;
		break;
	}
	CHECK_EQ(rsh_cover_unit_register(&unit), 0);
	CHECK_EQ(rsh_cover_write_counters(&writer), RSH_ECOVERLAYOUT);
	CHECK_EQ(rsh_cover_write_meta(&writer), RSH_ECOVERLAYOUT);
	CHECK_EQ(rsh_cover_clear(), RSH_ECOVERLAYOUT);
	rsh_cover_unit_unregister(&unit);
}

int main(int argc, char **argv)
{
	struct rsh_cover_unit old = unit_of(RSH_COVER_ATOMIC, 8);

	if (argc > 1) {
		test_wrong_records(argv[1][0] - '0');
		return 0;
	}
	old.abi -= 8;
	CHECK_EQ(rsh_cover_unit_register(&old), EINVAL);
	CHECK_EQ(rsh_cover_unit_register(NULL), EINVAL);
	rsh_cover_unit_unregister(NULL);
	CHECK_EQ(rsh_cover_enabled(), 0);
	test_order_of_the_records();
	test_set();
	test_single_bytes();
	test_threads();
	return 0;
}
