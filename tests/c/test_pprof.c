/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profiles when memory, files or the writer fail, at every point where they can. What a good one
 * says is for others to read: it goes to the file that the argument names.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <raceshim/raceshim.h>

#include "allocations.h"
#include "check.h"
#include "encode/pprof.h"

#define STACKS 3000
#define DEPTH  40

static const struct rshi_pprof_type types[] = {{"samples", "count"}, {"cpu", "nanoseconds"}};
static const struct rshi_pprof_options options = {
        .types = types,
        .n_types = 2,
        .default_type = "samples",
        .period_type = {"cpu", "nanoseconds"},
        .period = 10000000,
};
static const int64_t one[] = {1, 10000000}, nothing[] = {0, 0};

struct sink {
	size_t n, size, calls, fail_at;
	unsigned char *bytes;
};

static int take(void *arg, const void *buf, size_t n)
{
	struct sink *s = arg;

	if (++s->calls == s->fail_at)
		return EDQUOT;
	if (s->n + n > s->size) {
		s->size = 2 * (s->n + n);
		s->bytes = realloc(s->bytes, s->size);
		CHECK(s->bytes);
	}
	memcpy(s->bytes + s->n, buf, n);
	s->n += n;
	return 0;
}

static int write_to(struct rshi_pprof *p, struct sink *sink)
{
	const struct rsh_writer writer = {take, sink};

	sink->n = 0;
	sink->calls = 0;
	return rshi_pprof_write(p, 1700000000000000000, 5000000000, &writer);
}

static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Samples of every kind; returns the first error, and goes on after it. */
static int fill(struct rshi_pprof *p, size_t stacks)
{
	uintptr_t pcs[DEPTH] = {(uintptr_t)fill, (uintptr_t)qsort + 1, (uintptr_t)printf + 1};
	char thread[16];
	struct rshi_pprof_label labels[] = {
	        {.key = "thread", .value = thread},
	        {.key = "tid", .number = 7},
	        {.key = "left", .number = -1, .unit = "bytes"},
	};
	int err = rshi_pprof_comment(p, "a comment"), first = err;

	for (size_t i = 0; i < stacks; i++) {
		snprintf(thread, sizeof(thread), "thread-%zu", i % 10);
		pcs[3] = (uintptr_t)fill + i % 20;
		pcs[4] = 0x1000 + i;
		err = rshi_pprof_add(p, pcs, 5 + i % (DEPTH - 5), one, labels, i % 4);
		first = first ? first : err;
	}
	err = rshi_pprof_add_pseudo(p, "_LostOverflow", one);
	return first ? first : err;
}

static void test_arguments(void)
{
	struct rshi_pprof_options wrong = options;
	struct rsh_writer none = {NULL, NULL};
	struct rshi_pprof *p = NULL;

	wrong.n_types = 0;
	CHECK_EQ(rshi_pprof_create(&wrong, &p), EINVAL);
	wrong.n_types = RSHI_PPROF_VALUES_MAX + 1;
	CHECK_EQ(rshi_pprof_create(&wrong, &p), EINVAL);
	CHECK_EQ(rshi_pprof_create(&options, &p), 0);
	CHECK_EQ(rshi_pprof_add(p, NULL, 0, one, NULL, 0), EINVAL);
	CHECK_EQ(rshi_pprof_write(p, 0, 0, NULL), RSH_ENOWRITER);
	CHECK_EQ(rshi_pprof_write(p, 0, 0, &none), RSH_ENOWRITER);
	rshi_pprof_destroy(p);
	rshi_pprof_destroy(NULL);
	CHECK_EQ(allocations.live, 0);
}

static void test_the_same_samples_are_the_same_bytes(void)
{
	struct sink first = {0}, again = {0}, other = {0};
	struct rshi_pprof *p = NULL, *q = NULL;

	CHECK_EQ(rshi_pprof_create(&options, &p), 0);
	CHECK_EQ(rshi_pprof_create(&options, &q), 0);
	CHECK_EQ(fill(p, STACKS), 0);
	CHECK_EQ(fill(q, STACKS), 0);
	CHECK_EQ(write_to(p, &first), 0);
	CHECK_EQ(write_to(p, &again), 0);
	CHECK_EQ(write_to(q, &other), 0);
	CHECK(first.n > 1000);
	CHECK_EQ(first.n, again.n);
	CHECK_EQ(first.n, other.n);
	CHECK_EQ(memcmp(first.bytes, again.bytes, first.n), 0);
	CHECK_EQ(memcmp(first.bytes, other.bytes, first.n), 0);
	/* The control: one more sample. */
	CHECK_EQ(rshi_pprof_add_pseudo(q, "_LostOverflow", one), 0);
	CHECK_EQ(write_to(q, &other), 0);
	CHECK(first.n != other.n || memcmp(first.bytes, other.bytes, first.n));
	rshi_pprof_destroy(p);
	rshi_pprof_destroy(q);
	CHECK_EQ(allocations.live, 0);
	free(first.bytes);
	free(again.bytes);
	free(other.bytes);
}

static void test_every_write_can_fail(void)
{
	struct sink good = {0}, sink = {0};
	struct rshi_pprof *p = NULL;
	int before = descriptors(), err;

	CHECK_EQ(rshi_pprof_create(&options, &p), 0);
	CHECK_EQ(fill(p, STACKS), 0);
	CHECK_EQ(write_to(p, &good), 0);
	do {
		sink.fail_at++;
		err = write_to(p, &sink);
		CHECK(err == EDQUOT || !err);
		CHECK_EQ(sink.calls, err ? sink.fail_at : sink.fail_at - 1);
	} while (err);
	CHECK(sink.fail_at > 3);
	CHECK_EQ(sink.n, good.n);
	CHECK_EQ(memcmp(sink.bytes, good.bytes, good.n), 0);
	rshi_pprof_destroy(p);
	CHECK_EQ(allocations.live, 0);
	CHECK_EQ(descriptors(), before);
	free(sink.bytes);
	free(good.bytes);
}

/* Whatever allocation fails, the error is told, nothing is lost, and a second attempt goes well. */
static void test_every_allocation_can_fail(void)
{
	struct sink sink = {0};
	size_t failed = 0;
	int before = descriptors(), filled, written;

	for (size_t n = 1;; n++) {
		struct rshi_pprof *p = NULL;
		int created;

		memset(&allocations, 0, sizeof(allocations));
		allocations.fail_at = n;
		created = rshi_pprof_create(&options, &p);
		if (created) {
			CHECK_EQ(created, ENOMEM);
			CHECK_EQ(allocations.live, 0);
			failed++;
			continue;
		}
		filled = fill(p, 300);
		written = write_to(p, &sink);
		CHECK(!filled || filled == ENOMEM);
		CHECK(!written || written == ENOMEM);
		failed += filled || written;
		CHECK_EQ(allocations.calls >= n, filled || written);
		allocations.fail_at = 0;
		CHECK_EQ(fill(p, 300), 0);
		CHECK_EQ(write_to(p, &sink), 0);
		rshi_pprof_destroy(p);
		CHECK_EQ(allocations.live, 0);
		if (!filled && !written)
			break;
	}
	CHECK(failed > 20);
	memset(&allocations, 0, sizeof(allocations));
	CHECK_EQ(descriptors(), before);
	free(sink.bytes);
}

static void test_a_limit_holds_and_losses_still_find_room(void)
{
	struct rshi_pprof_options limited = options;
	struct rshi_pprof *p = NULL;
	struct sink sink = {0};
	uintptr_t pcs[DEPTH];
	size_t refused = 0;

	limited.limit = 1 << 20;
	CHECK_EQ(rshi_pprof_create(&limited, &p), 0);
	CHECK_EQ(rshi_pprof_add_pseudo(p, "_LostMemory", nothing), 0);
	for (size_t i = 0; i < 100000; i++) {
		int err;

		for (size_t j = 0; j < DEPTH; j++)
			pcs[j] = 0x1000 + (i * 31 + j * 7) % 50000;
		err = rshi_pprof_add(p, pcs, DEPTH, one, NULL, 0);
		CHECK(!err || err == ENOMEM);
		if (err) {
			CHECK_EQ(rshi_pprof_add_pseudo(p, "_LostMemory", one), 0);
			refused++;
		}
	}
	CHECK(refused > 1000);
	CHECK(allocations.live < (2 << 20));
	CHECK_EQ(write_to(p, &sink), 0);
	rshi_pprof_destroy(p);
	CHECK_EQ(allocations.live, 0);
	free(sink.bytes);
}

static int to_file(void *arg, const void *buf, size_t n)
{
	return fwrite(buf, 1, n, arg) == n ? 0 : EIO;
}

/* Few samples, of which somebody else knows what they are. */
static int write_example(const char *path)
{
	static const int64_t large[] = {INT64_MAX, INT64_MIN};
	const uintptr_t first[] = {0x10, 0x2001, 0x3001}, second[] = {0x10, 0x2001};
	struct rshi_pprof_label labels[] = {
	        {.key = "thread", .value = "w\xc3\xb6rker"},
	        {.key = "tid", .number = 7, .unit = "id"},
	        {.key = "broken", .value = "a\xff\xc3(\xed\xa0\x80z"},
	        {.key = "minus", .number = -1},
	};
	FILE *file = fopen(path, "w");
	struct rsh_writer writer = {to_file, file};
	struct rshi_pprof *p = NULL;

	CHECK(file);
	CHECK_EQ(rshi_pprof_create(&options, &p), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(rshi_pprof_add(p, first, 3, one, labels, 2), 0);
	CHECK_EQ(rshi_pprof_add(p, first, 3, one, labels, 4), 0);
	CHECK_EQ(rshi_pprof_add(p, second, 2, one, NULL, 0), 0);
	CHECK_EQ(rshi_pprof_add(p, second, 2, nothing, labels, 1), 0);
	CHECK_EQ(rshi_pprof_add_pseudo(p, "_LostExtra", nothing), 0);
	CHECK_EQ(rshi_pprof_add_pseudo(p, "_LostOverflow", large), 0);
	CHECK_EQ(rshi_pprof_add_pseudo(p, "_LostOverflow", large), 0);
	CHECK_EQ(rshi_pprof_comment(p, "clock: a test"), 0);
	CHECK_EQ(rshi_pprof_comment(p, ""), 0);
	CHECK_EQ(rshi_pprof_write(p, 1700000000000000000, 5000000000, &writer), 0);
	rshi_pprof_destroy(p);
	CHECK_EQ(fclose(file), 0);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return write_example(argv[1]);
	test_arguments();
	test_the_same_samples_are_the_same_bytes();
	test_every_write_can_fail();
	test_every_allocation_can_fail();
	test_a_limit_holds_and_losses_still_find_room();
	return 0;
}
