/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of a trace: they stay as long as they should, and those that read them see damages. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <raceshim/trace.h>

#include "check.h"
#include "trace_reading.h"

#define MIB   ((size_t)1 << 20)
#define READS 24
#define MANY  3000 /* events, so that a buffer is not enough */

static const struct rsh_trace_options slow = {.buffer_bytes = MIB, .period_ms = 1000000};

static int emit(uint64_t value)
{
	return rsh_trace_emit(RSH_TRACE_NAME("value"), RSH_TRACE_KIND_INSTANT_1, value, 0);
}

/* Whatever happens until the next call. */
static void test_bytes_stay_until_the_next_call(void)
{
	static unsigned char copy[MIB];
	struct trace_reading r = {0};
	uint64_t taken = 0, lost = 0;
	const void *data;
	size_t n;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	for (int reads = 0;; reads++) {
		/* What was read before may have been given back by now. */
		int err = reads < READS ? rsh_trace_advance() : 0;

		CHECK(!err || err == EAGAIN);
		CHECK_EQ(rsh_trace_read(&data, &n), 0);
		if (!data)
			break;
		CHECK(n <= sizeof(copy));
		memcpy(copy, data, n);
		for (int i = 0; reads < READS && i < MANY; i++) {
			err = emit(taken);
			CHECK(!err || err == ENOBUFS);
			taken += !err;
			lost += err != 0;
			if (i % 1000 == 0)
				(void)rsh_trace_advance();
		}
		if (reads == READS)
			CHECK_EQ(rsh_trace_stop(), 0);
		CHECK(!memcmp(copy, data, n));
		trace_feed(&r, copy, n);
	}
	CHECK(r.is_over);
	CHECK_EQ(r.events, taken);
	CHECK_EQ(r.lost, lost);
	CHECK(taken > MANY);
	trace_forget(&r);
}

struct bytes {
	unsigned char *p;
	size_t n;
};

static void take(void *arg, const unsigned char *generation, size_t n)
{
	struct bytes *b = arg;

	b->p = malloc(n);
	CHECK(b->p);
	memcpy(b->p, generation, n);
	b->n = n;
}

/* Returns the signal that ends who reads this, or 0. */
static int end_of_reading(const unsigned char *p, size_t n)
{
	const struct rlimit none = {0, 0};
	struct trace_reading r = {0};
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		CHECK_EQ(setrlimit(RLIMIT_CORE, &none), 0);
		CHECK(freopen("/dev/null", "w", stderr));
		trace_feed(&r, p, n);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* The first block of this type. */
static size_t block_of(const struct bytes *b, unsigned char type)
{
	struct rshi_trace_block block;

	for (size_t at = 0; at < b->n; at += block.length) {
		memcpy(&block, b->p + at, sizeof(block));
		if (block.type == type)
			return at;
	}
	CHECK(!"a block of this type");
	return 0;
}

/* The tests go by what trace_reading.c accepts. */
static void test_what_is_damaged_is_refused(void)
{
	struct bytes b = {0};
	struct trace_reading r = {.whole = take, .whole_arg = &b};
	size_t head, batch, names, tail;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(emit(1), 0);
	CHECK_EQ(emit(2), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	head = block_of(&b, RSHI_TRACE_HEADER);
	batch = block_of(&b, RSHI_TRACE_BATCH);
	names = block_of(&b, RSHI_TRACE_NAMES);
	tail = block_of(&b, RSHI_TRACE_TAIL);

	const size_t damages[] = {
	        head + offsetof(struct rshi_trace_header, magic),
	        head + offsetof(struct rshi_trace_header, version),
	        batch + offsetof(struct rshi_trace_batch, generation),
	        batch + offsetof(struct rshi_trace_batch, events),
	        batch + offsetof(struct rshi_trace_block, length),
	        names + sizeof(struct rshi_trace_block), /* the number of a name */
	        tail + offsetof(struct rshi_trace_tail, events),
	        tail + offsetof(struct rshi_trace_tail, lost),
	        tail + offsetof(struct rshi_trace_tail, mark),
	};

	CHECK_EQ(end_of_reading(b.p, b.n), 0);
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		b.p[damages[i]] ^= 1;
		CHECK_EQ(end_of_reading(b.p, b.n), SIGABRT);
		b.p[damages[i]] ^= 1;
	}
	CHECK_EQ(end_of_reading(b.p, b.n), 0);
	free(b.p);
	trace_forget(&r);
}

int main(void)
{
	test_bytes_stay_until_the_next_call();
	test_what_is_damaged_is_refused();
	return 0;
}
