/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings: exact words, losses, wrap-around, wake-ups, and a writer and a reader at the same time. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "core/ring.h"

#define SIZE   64
#define HEADER 2
#define NOBODY ((uint64_t)1 << 40)

static const uint64_t header[HEADER] = {7, 8};

struct fixture {
	struct rshi_bell bell;
	struct rshi_ring ring;
	uint64_t words[SIZE];
	uint64_t behind;
};

/* An empty ring whose positions begin at @position. */
static struct fixture *make(uint64_t position)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	CHECK_EQ(rshi_ring_init(&f.ring, f.words, SIZE, HEADER, &f.bell), 0);
	f.behind = NOBODY;
	f.ring.written = position;
	f.ring.read = position;
	f.ring.taken = position;
	return &f;
}

/* Write a sample of @n pcs: @first, @first + 1, ... */
static int put(struct fixture *f, uint64_t time, uintptr_t first, size_t n)
{
	uintptr_t pcs[SIZE];

	for (size_t i = 0; i < n; i++)
		pcs[i] = first + i;
	return rshi_ring_write_sig(&f->ring, time, header, pcs, n);
}

/* Read, and compare with the @n words at @expected. */
static void expect(struct fixture *f, const uint64_t *expected, size_t n)
{
	const uint64_t *records;
	size_t got;

	CHECK_EQ(rshi_ring_read(&f->ring, &records, &got), 0);
	CHECK_EQ(got, n);
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(records[i], expected[i]);
}

static void expect_nothing(struct fixture *f, int err)
{
	const uint64_t *records;
	size_t n;

	CHECK_EQ(rshi_ring_read(&f->ring, &records, &n), err);
}

#define EXPECT(f, ...)                                                                             \
	do {                                                                                       \
		const uint64_t expected_[] = {__VA_ARGS__};                                        \
                                                                                                   \
		expect(f, expected_, sizeof(expected_) / sizeof(expected_[0]));                    \
	} while (0)

#define SAMPLE(n) ((uint64_t)RSHI_SAMPLE << 32 | (4 + (n)))
#define LOSS      ((uint64_t)RSHI_LOST << 32 | 5)

static void test_arguments(void)
{
	struct fixture *f = make(0);

	CHECK_EQ(rshi_ring_init(&f->ring, f->words, 48, 0, &f->bell), EINVAL);
	CHECK_EQ(rshi_ring_init(&f->ring, f->words, 8, 0, &f->bell), EINVAL);
	CHECK_EQ(rshi_ring_init(&f->ring, f->words, (size_t)1 << 31, 0, &f->bell), EINVAL);
	CHECK_EQ(rshi_ring_init(&f->ring, f->words, SIZE, RSHI_HEADER_MAX + 1, &f->bell), EINVAL);
}

static void test_what_is_written_is_read(uint64_t position)
{
	struct fixture *f = make(position);

	expect_nothing(f, EAGAIN);
	CHECK(put(f, 99, 10, 3));
	EXPECT(f, SAMPLE(3), 99, 7, 8, 10, 11, 12);
	expect_nothing(f, EAGAIN);
	CHECK(put(f, 100, 20, 1));
	CHECK(put(f, 101, 30, 0));
	EXPECT(f, SAMPLE(1), 100, 7, 8, 20, SAMPLE(0), 101, 7, 8);
	expect_nothing(f, EAGAIN);
}

static void test_what_was_read_stays_until_the_next_read(void)
{
	struct fixture *f = make(0);
	const uint64_t *records;
	size_t n;

	CHECK(put(f, 1, 10, 28)); /* half of the ring */
	CHECK_EQ(rshi_ring_read(&f->ring, &records, &n), 0);
	CHECK(put(f, 2, 50, 28));
	CHECK(!put(f, 3, 90, 0));
	CHECK_EQ(n, 32);
	for (size_t i = 0; i < 28; i++)
		CHECK_EQ(records[4 + i], 10 + i);
	CHECK_EQ(rshi_ring_read(&f->ring, &records, &n), 0);
	CHECK(put(f, 4, 90, 20)); /* a loss and this */
}

static void test_the_writer_reports_losses_before_what_follows(uint64_t position)
{
	struct fixture *f = make(position);

	CHECK(put(f, 1, 10, 28));
	CHECK(put(f, 2, 10, 28)); /* full to the last word */
	for (uint64_t i = 0; i < 300; i++)
		CHECK(!put(f, 99 + i, 10, 1));
	{
		const uint64_t *records;
		size_t n;

		CHECK_EQ(rshi_ring_read(&f->ring, &records, &n), 0);
		CHECK_EQ(n, SIZE);
		expect_nothing(f, 0); /* the reader has seen all: it gets the losses itself */
		CHECK_EQ(f->ring.loss[0], LOSS);
		CHECK_EQ(f->ring.loss[1], 99);
		CHECK_EQ(f->ring.loss[2] | f->ring.loss[3], 0);
		CHECK_EQ(f->ring.loss[4], 300);
	}
	expect_nothing(f, EAGAIN);

	CHECK(put(f, 1, 10, 28));
	CHECK(put(f, 2, 10, 26)); /* two words are left */
	for (uint64_t i = 0; i < 17; i++)
		CHECK(!put(f, 1000 + i, 10, 0));
	{
		const uint64_t *records;
		size_t n;

		CHECK_EQ(rshi_ring_read(&f->ring, &records, &n), 0);
		CHECK_EQ(n, 62);
		f->ring.read = f->ring.taken; /* as a reader that has come back for more */
	}
	CHECK(put(f, 2000, 40, 2));
	EXPECT(f, LOSS, 1000, 0, 0, 17, SAMPLE(2), 2000, 7, 8, 40, 41);
	expect_nothing(f, EAGAIN);
	CHECK_EQ(f->ring.lost >> 32, 2); /* taken twice, once by each */
}

static void test_losses_need_room_for_what_follows_too(void)
{
	struct fixture *f = make(0);
	const uint64_t *records;
	size_t n;

	CHECK(put(f, 1, 10, 4)); /* 8 words */
	CHECK(put(f, 2, 10, 52));
	CHECK(!put(f, 3, 10, 0));
	/* The reader is done with the first record only. */
	f->ring.read = 8;
	f->ring.taken = 8;
	CHECK(!put(f, 4, 10, 0)); /* 5 for the losses and 4: one too many */
	CHECK_EQ((uint32_t)f->ring.lost, 2);
	CHECK_EQ(rshi_ring_read(&f->ring, &records, &n), 0);
	CHECK_EQ(n, 56);
	EXPECT(f, LOSS, 3, 0, 0, 2);
}

static void test_counts_stick(void)
{
	struct fixture *f = make(0);

	CHECK(put(f, 1, 10, 60));
	f->ring.lost = ((uint64_t)5 << 32) + UINT32_MAX - 1;
	f->ring.lost_since = 77;
	CHECK(!put(f, 2, 10, 0));
	CHECK(!put(f, 3, 10, 0));
	CHECK_EQ(f->ring.lost, ((uint64_t)5 << 32) + UINT32_MAX);
	expect_nothing(f, 0);
	EXPECT(f, LOSS, 77, 0, 0, UINT32_MAX);
	CHECK_EQ(f->ring.lost, (uint64_t)6 << 32);
}

/* Every length at every offset; the reader lags by up to two records. */
static void test_wrap_around(uint64_t position)
{
	struct fixture *f = make(position);
	uint64_t next_written = 0, next_read = 0;
	const uint64_t *records;
	size_t n;

	for (int round = 0; round < 20000; round++) {
		size_t length = (size_t)round * 7 % 25;

		if (put(f, next_written, next_written, length))
			next_written++;
		if (round % 3 == 0)
			continue;
		while (!rshi_ring_read(&f->ring, &records, &n)) {
			for (size_t i = 0; i < n; i += rshi_record_length(&records[i])) {
				if (rshi_record_kind(&records[i]) != RSHI_SAMPLE)
					continue;
				CHECK_EQ(records[i + 1], next_read);
				for (size_t pc = 4; pc < rshi_record_length(&records[i]); pc++)
					CHECK_EQ(records[i + pc], next_read + pc - 4);
				next_read++;
			}
		}
	}
	CHECK(next_read > 15000);
	CHECK(next_written - next_read <= 2);
	CHECK_EQ(f->behind, NOBODY);
	CHECK(f->ring.written - position > (uint64_t)1000 * SIZE);
}

static int is_due(void *arg)
{
	const struct fixture *f = arg;

	return rshi_ring_is_due(&f->ring);
}

static void test_no_wake_before_half_full_and_no_second_one(void)
{
	struct fixture *f = make(0);

	/* The reader is about to sleep. */
	f->bell.word |= 1;
	CHECK(put(f, 1, 10, 12));
	CHECK(put(f, 2, 10, 11)); /* 31 words */
	CHECK(!is_due(f));
	CHECK_EQ(f->bell.wakes, 0);
	CHECK_EQ(f->bell.word, 1);

	f = make(0);
	f->bell.word |= 1;
	CHECK(put(f, 1, 10, 12));
	CHECK(put(f, 2, 10, 12)); /* 32 words */
	CHECK(is_due(f));
	CHECK_EQ(f->bell.wakes, 1);
	CHECK_EQ(f->bell.word & 1, 0);
	CHECK_EQ(rshi_bell_wait(&f->bell, is_due, f, NOBODY), 0);
	for (uint64_t i = 0; i < 1000; i++)
		put(f, 3 + i, 10, 10);
	CHECK_EQ(f->bell.wakes, 1);
	/* The control: once it sleeps again the next write wakes it. */
	f->bell.word |= 1;
	CHECK(!put(f, 2000, 10, 40));
	CHECK_EQ(f->bell.wakes, 2);
}

static void test_the_end_wakes_and_stays(void)
{
	struct fixture *f = make(0);

	CHECK_EQ(rshi_bell_wait(&f->bell, is_due, f, 1000), ETIMEDOUT);
	CHECK(put(f, 1, 10, 1));
	f->bell.word |= 1;
	rshi_ring_close_sig(&f->ring);
	CHECK_EQ(f->bell.wakes, 1);
	CHECK_EQ(rshi_bell_wait(&f->bell, is_due, f, NOBODY), 0);
	EXPECT(f, SAMPLE(1), 1, 7, 8, 10);
	for (int i = 0; i < 3; i++)
		expect_nothing(f, ENODATA);
}

#define WRITES 300000u

static int closed_or_due(void *arg)
{
	return is_due(arg);
}

static void *write_many(void *arg)
{
	struct fixture *f = arg;

	for (uint64_t i = 1; i <= WRITES; i++) {
		put(f, i, i, i % 13);
		if (i % 97 == 0)
			sched_yield();
	}
	rshi_ring_close_sig(&f->ring);
	return NULL;
}

/* Every record is found or counted, in order, whoever takes the count, and nobody is left asleep.
 */
static void test_writer_and_reader_at_the_same_time(void)
{
	struct fixture *f = make(((uint64_t)1 << 32) - 1000);
	uint64_t next = 1, by_reader = 0, by_writer = 0;
	const uint64_t *records;
	pthread_t writer;
	size_t n;
	int err;

	CHECK_EQ(pthread_create(&writer, NULL, write_many, f), 0);
	while ((err = rshi_ring_read(&f->ring, &records, &n)) != ENODATA) {
		if (err == EAGAIN) {
			CHECK_EQ(rshi_bell_wait(&f->bell, closed_or_due, f, 0), 0);
			continue;
		}
		for (size_t i = 0; i < n; i += rshi_record_length(&records[i])) {
			const uint64_t *record = &records[i];

			CHECK_EQ(record[1], next);
			if (rshi_record_kind(record) == RSHI_SAMPLE) {
				CHECK_EQ(rshi_record_length(record), 4 + next % 13);
				CHECK_EQ(record[2], 7);
				CHECK_EQ(record[3], 8);
				for (size_t pc = 0; pc < next % 13; pc++)
					CHECK_EQ(record[4 + pc], next + pc);
				next++;
				continue;
			}
			CHECK_EQ(record[0], LOSS);
			CHECK(record[4] > 0);
			next += record[4];
			by_reader += record == f->ring.loss;
			by_writer += record != f->ring.loss;
		}
	}
	CHECK_EQ(pthread_join(writer, NULL), 0);
	CHECK_EQ(next, WRITES + 1);
	printf("losses reported: %llu by the reader, %llu by the writer; woken %u times\n",
	       (unsigned long long)by_reader, (unsigned long long)by_writer, f->bell.wakes);
}

int main(void)
{
	static const uint64_t positions[] = {0, 1, SIZE - 5, ((uint64_t)1 << 32) - 70,
	                                     UINT64_MAX - 70};

	test_arguments();
	for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
		test_what_is_written_is_read(positions[i]);
		test_wrap_around(positions[i]);
	}
	test_the_writer_reports_losses_before_what_follows(0);
	test_the_writer_reports_losses_before_what_follows((uint64_t)1 << 32);
	test_the_writer_reports_losses_before_what_follows((uint64_t)0 - SIZE);
	test_what_was_read_stays_until_the_next_read();
	test_losses_need_room_for_what_follows_too();
	test_counts_stick();
	test_no_wake_before_half_full_and_no_second_one();
	test_the_end_wakes_and_stays();
	for (int round = 0; round < 3; round++)
		test_writer_and_reader_at_the_same_time();
	return 0;
}
