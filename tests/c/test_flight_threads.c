/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder of many threads: some emit, others begin it, write what it has and end it at
 * the same time, and a trace begins and ends beside it.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <raceshim/trace.h>

#include "check.h"
#include "trace_reading.h"

#define EMITTERS  3
#define WRITERS   4
#define SWITCHERS 2
#define ROUNDS    30

static const struct rsh_flight_options small = {.min_age_ms = 1000000, .max_bytes = 512 << 10};

static int emit(uint64_t value)
{
	return rsh_trace_emit(RSH_TRACE_NAME("value"), RSH_TRACE_KIND_INSTANT_1, value, 0);
}

static pthread_barrier_t together;
static int losers, winners; /* atomic */

struct snapshot {
	struct trace_reading r;
	size_t n, calls;
	uint64_t last[EMITTERS], missing; /* numbers of events between others */
};

/* Each thread numbers what was taken of it. */
static void see(void *arg, const struct trace_event *e)
{
	struct snapshot *s = arg;
	uint64_t who = e->a % EMITTERS, number = e->a / EMITTERS;

	if (s->last[who]) {
		CHECK(number > s->last[who]);
		s->missing += number - s->last[who] - 1;
	}
	s->last[who] = number;
}

static int take(void *arg, const void *bytes, size_t n)
{
	struct snapshot *s = arg;

	s->calls++;
	s->r.see = see;
	s->r.arg = s;
	trace_feed(&s->r, bytes, n);
	s->n += n;
	return 0;
}

/* Who writes does so until somebody else has tried. */
static int take_slowly(void *arg, const void *bytes, size_t n)
{
	while (!__atomic_load_n(&losers, __ATOMIC_RELAXED))
		sched_yield();
	return take(arg, bytes, n);
}

/* Returns what the writing did: all, or nothing. */
static int write_with(int (*taker)(void *, const void *, size_t), struct snapshot *s)
{
	struct rsh_writer w = {taker, s};
	size_t n = 1;
	int err;

	memset(s, 0, sizeof(*s));
	err = rsh_flight_write(&w, &n);
	CHECK_EQ(n, s->n);
	if (err)
		CHECK_EQ(s->calls, 0);
	else
		CHECK(s->r.is_over && s->n > 0);
	return err;
}

static void *write_with_others(void *unused)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct snapshot s;
		int err;

		(void)pthread_barrier_wait(&together);
		err = write_with(take_slowly, &s);
		CHECK(!err || err == EINPROGRESS);
		if (err) {
			__atomic_add_fetch(&losers, 1, __ATOMIC_RELAXED);
		} else {
			__atomic_add_fetch(&winners, 1, __ATOMIC_RELAXED);
			CHECK_EQ(s.r.events, round + 1);
		}
		trace_forget(&s.r);
		(void)pthread_barrier_wait(&together);
	}
	return unused;
}

static void test_of_many_writers_one_writes(void)
{
	pthread_t threads[WRITERS];

	CHECK_EQ(pthread_barrier_init(&together, NULL, WRITERS + 1), 0);
	CHECK_EQ(rsh_flight_start(&small), 0);
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, write_with_others, NULL), 0);
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		__atomic_store_n(&losers, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&winners, 0, __ATOMIC_RELAXED);
		CHECK_EQ(emit(round * EMITTERS), 0);
		(void)pthread_barrier_wait(&together);
		(void)pthread_barrier_wait(&together);
		CHECK(winners > 0);
		CHECK(losers > 0);
		CHECK_EQ(winners + losers, WRITERS);
	}
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(rsh_flight_stop(), 0);
	CHECK_EQ(pthread_barrier_destroy(&together), 0);
}

static int done; /* atomic */

static void *emit_until_done(void *arg)
{
	uint64_t who = (uintptr_t)arg, taken = 0;

	for (uint64_t i = 1; !__atomic_load_n(&done, __ATOMIC_RELAXED); i++) {
		int err = emit((taken + 1) * EMITTERS + who);

		CHECK(!err || err == ENOBUFS || err == ESRCH);
		taken += !err;
		if (err || i % 256 == 0)
			sched_yield();
	}
	return NULL;
}

/* Two do this: each may find that the other one was quicker. */
static void *switch_and_write(void *arg)
{
	uint64_t *written = arg;

	for (int round = 0; round < ROUNDS; round++) {
		struct snapshot s;
		int err = rsh_flight_start(&small);

		CHECK(!err || err == EBUSY || err == EAGAIN);
		for (int i = 0; i < 2; i++) {
			err = write_with(take, &s);
			/* EAGAIN: the reader of the trace beside has not come to anything yet. */
			CHECK(!err || err == ESRCH || err == EINPROGRESS || err == EAGAIN);
			CHECK(s.missing <= s.r.lost);
			*written += !err;
			trace_forget(&s.r);
		}
		if (round % 3 == 0) {
			err = rsh_flight_stop();
			CHECK(!err || err == ESRCH);
		}
	}
	return NULL;
}

static void *read_to_the_end(void *arg)
{
	trace_read_all(arg);
	return NULL;
}

static void test_all_at_the_same_time(void)
{
	pthread_t emitters[EMITTERS], switchers[SWITCHERS];
	uint64_t written[SWITCHERS] = {0};

	for (uintptr_t i = 0; i < EMITTERS; i++)
		CHECK_EQ(pthread_create(&emitters[i], NULL, emit_until_done, (void *)i), 0);
	for (int i = 0; i < SWITCHERS; i++)
		CHECK_EQ(pthread_create(&switchers[i], NULL, switch_and_write, &written[i]), 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct snapshot s = {.r = {.see = see, .arg = &s}};
		pthread_t reader;

		CHECK_EQ(rsh_trace_start(NULL), 0);
		CHECK_EQ(pthread_create(&reader, NULL, read_to_the_end, &s.r), 0);
		sched_yield();
		CHECK_EQ(rsh_trace_stop(), 0);
		CHECK_EQ(pthread_join(reader, NULL), 0);
		CHECK_EQ(s.missing, 0);
		trace_forget(&s.r);
	}
	for (int i = 0; i < SWITCHERS; i++)
		CHECK_EQ(pthread_join(switchers[i], NULL), 0);
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < EMITTERS; i++)
		CHECK_EQ(pthread_join(emitters[i], NULL), 0);
	(void)rsh_flight_stop();
	CHECK(!rsh_trace_is_on());
	CHECK(written[0] + written[1] > 0);
}

int main(void)
{
	test_of_many_writers_one_writes();
	test_all_at_the_same_time();
	return 0;
}
