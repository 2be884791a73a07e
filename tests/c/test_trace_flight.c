/* SPDX-License-Identifier: BSD-2-Clause */
/* The flight recorder: the last events are there when somebody wants to see them. */

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <raceshim/trace.h>

#include "check.h"
#include "trace_reading.h"

#define KIB ((size_t)1 << 10)

static const struct rsh_flight_options small = {.min_age_ms = 1000000, .max_bytes = 512 * KIB};

static int emit(uint64_t value)
{
	return rsh_trace_emit(RSH_TRACE_NAME("value"), RSH_TRACE_KIND_INSTANT_1, value, 0);
}

/* Takes bytes as they come, and gives whole traces to a reading. */
struct snapshot {
	struct trace_reading r;
	size_t n;
	uint64_t last_value;
	int fail; /* at this call, if not 0 */
	int calls;
	int (*amid)(void); /* is called in the writer, once */
};

static void see(void *arg, const struct trace_event *e)
{
	((struct snapshot *)arg)->last_value = e->a;
}

static int take(void *arg, const void *bytes, size_t n)
{
	struct snapshot *s = arg;

	if (++s->calls == s->fail)
		return EIO;
	if (s->amid) {
		CHECK_EQ(s->amid(), 0);
		s->amid = NULL;
	}
	s->r.see = see;
	s->r.arg = s;
	trace_feed(&s->r, bytes, n);
	s->n += n;
	return 0;
}

static void write_into(struct snapshot *s)
{
	struct rsh_writer w = {take, s};
	size_t n = 0;

	CHECK_EQ(rsh_flight_write(&w, &n), 0);
	CHECK_EQ(n, s->n);
	CHECK(s->r.is_over);
}

static void test_arguments(void)
{
	struct rsh_flight_options o = {.max_bytes = SIZE_MAX};
	struct snapshot s = {0};
	struct rsh_writer w = {take, &s}, none = {NULL, NULL};
	size_t n = 1;

	CHECK_EQ(rsh_flight_start(&o), EINVAL);
	CHECK_EQ(rsh_flight_stop(), ESRCH);
	CHECK_EQ(rsh_flight_write(&w, &n), ESRCH);
	CHECK_EQ(n, 0);
	CHECK_EQ(rsh_flight_write(NULL, &n), RSH_ENOWRITER);
	CHECK_EQ(rsh_flight_write(&none, &n), RSH_ENOWRITER);
	CHECK_EQ(s.calls, 0);
}

static void test_what_was_emitted_just_before_is_written(void)
{
	CHECK_EQ(rsh_flight_start(NULL), 0);
	CHECK(rsh_trace_is_on());
	CHECK_EQ(rsh_flight_start(NULL), EBUSY);
	for (uint64_t i = 1; i <= 3; i++) {
		struct snapshot s = {0};

		CHECK_EQ(emit(i), 0);
		write_into(&s);
		CHECK_EQ(s.last_value, i);
		CHECK_EQ(s.r.events, i);
		trace_forget(&s.r);
	}
	CHECK_EQ(rsh_flight_stop(), 0);
	CHECK(!rsh_trace_is_on());
	CHECK_EQ(emit(4), ESRCH);
}

/* Memory is bounded; the newest is there, and what is there has no holes. */
static void test_old_generations_are_forgotten(void)
{
	struct rsh_trace_stats stats;
	uint64_t n = 0;

	CHECK_EQ(rsh_flight_start(&small), 0);
	for (int round = 1; round <= 30; round++) {
		struct snapshot s = {0};

		/* More than 50 KiB. */
		for (int i = 0; i < 10000; i++)
			CHECK_EQ(emit(++n), 0);
		write_into(&s);
		CHECK_EQ(s.last_value, n);
		CHECK(s.n <= small.max_bytes);
		CHECK(round > 1 ? s.r.generations > 1 : s.r.events == n);
		CHECK(round < 30 || s.r.events < n / 2);
		trace_forget(&s.r);
	}
	CHECK_EQ(rsh_flight_stop(), 0);
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.buffers, 0);
	CHECK_EQ(stats.events, n + 3); /* those of the test before */
}

static int write_another(void)
{
	struct snapshot s = {0};
	struct rsh_writer w = {take, &s};
	size_t n = 1;

	CHECK_EQ(rsh_flight_write(&w, &n), EINPROGRESS);
	CHECK_EQ(n | (size_t)s.calls, 0);
	return 0;
}

static int stop_and_start(void)
{
	CHECK_EQ(rsh_flight_stop(), 0);
	CHECK_EQ(rsh_flight_start(&small), 0);
	return 0;
}

static void test_one_writes_at_a_time(void)
{
	struct snapshot s = {.amid = write_another}, t = {.amid = stop_and_start};

	CHECK_EQ(rsh_flight_start(&small), 0);
	CHECK_EQ(emit(1), 0);
	write_into(&s);
	CHECK_EQ(s.r.events, 1);
	/* What is being written stays until it is. */
	write_into(&t);
	CHECK_EQ(t.r.events, 1);
	CHECK_EQ(rsh_flight_stop(), 0);
	trace_forget(&s.r);
	trace_forget(&t.r);
}

static void test_errors_of_the_writer_are_returned(void)
{
	CHECK_EQ(rsh_flight_start(&small), 0);
	CHECK_EQ(emit(1), 0);
	/* There is one more generation each time. */
	for (int fail = 2; fail >= 0; fail--) {
		struct snapshot s = {.fail = fail};
		struct rsh_writer w = {take, &s};
		size_t n = 0;

		CHECK_EQ(rsh_flight_write(&w, &n), fail ? EIO : 0);
		CHECK_EQ(n, s.n);
		CHECK_EQ(s.calls == fail, fail != 0);
		trace_forget(&s.r);
	}
	CHECK_EQ(rsh_flight_stop(), 0);
}

static void *read_to_the_end(void *arg)
{
	trace_read_all(arg);
	return NULL;
}

/* A trace and the recorder, whichever of them runs, and how many events each should have. */
struct both {
	struct trace_reading r;
	pthread_t reader;
	int traces, flies;
	uint64_t of_trace, of_flight, last;
};

static void switch_trace(struct both *b)
{
	b->traces = !b->traces;
	if (b->traces) {
		memset(&b->r, 0, sizeof(b->r));
		b->of_trace = 0;
		CHECK_EQ(rsh_trace_start(NULL), 0);
		CHECK_EQ(rsh_trace_start(NULL), EBUSY);
		CHECK_EQ(pthread_create(&b->reader, NULL, read_to_the_end, &b->r), 0);
		return;
	}
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK_EQ(pthread_join(b->reader, NULL), 0);
	CHECK_EQ(b->r.events, b->of_trace);
	CHECK_EQ(b->r.lost, 0);
	trace_forget(&b->r);
}

static void switch_flight(struct both *b)
{
	struct snapshot s = {0};

	b->flies = !b->flies;
	if (b->flies) {
		b->of_flight = 0;
		CHECK_EQ(rsh_flight_start(&small), 0);
		return;
	}
	write_into(&s);
	CHECK_EQ(s.r.events, b->of_flight);
	CHECK_EQ(s.last_value, b->of_flight ? b->last : 0);
	CHECK_EQ(s.r.lost, 0);
	trace_forget(&s.r);
	CHECK_EQ(rsh_flight_stop(), 0);
}

static void emit_for(struct both *b)
{
	int is_on = b->traces || b->flies;

	CHECK_EQ(rsh_trace_is_on(), is_on);
	CHECK_EQ(emit(b->last + 1), is_on ? 0 : ESRCH);
	b->last += (uint64_t)is_on;
	b->of_trace += (uint64_t)b->traces;
	b->of_flight += (uint64_t)b->flies;
}

#define SWITCHES 5

/* Both begin and end in any order, as the bits say; each has the events of its own time only. */
static void test_beside_a_trace(void)
{
	for (unsigned int order = 0; order < 1u << SWITCHES; order++) {
		struct both b = {0};

		for (unsigned int i = 0; i < SWITCHES; i++) {
			if (order >> i & 1)
				switch_flight(&b);
			else
				switch_trace(&b);
			emit_for(&b);
		}
		if (b.traces)
			switch_trace(&b);
		emit_for(&b);
		if (b.flies)
			switch_flight(&b);
		emit_for(&b);
	}
}

static void nap(long milliseconds)
{
	const struct timespec moment = {.tv_nsec = milliseconds * 1000000};

	nanosleep(&moment, NULL);
}

/* All that was a millisecond ago may go, the newest generation may not. */
static void test_what_is_too_old_is_forgotten(void)
{
	const struct rsh_flight_options o = {.min_age_ms = 1};

	CHECK_EQ(rsh_flight_start(&o), 0);
	for (uint64_t n = 1; n <= 20; n++) {
		struct snapshot s = {0};

		CHECK_EQ(emit(n), 0);
		nap(2);
		write_into(&s);
		CHECK_EQ(s.last_value, n);
		/* One more if a second has passed since. */
		CHECK(s.r.generations <= 2);
		CHECK(s.r.events <= 2);
		trace_forget(&s.r);
	}
	CHECK_EQ(rsh_flight_stop(), 0);
}

/* There is no room for any, which makes nobody busy. */
static void test_the_newest_is_kept_whatever_its_size(void)
{
	const struct rsh_flight_options o = {.min_age_ms = 1000000, .max_bytes = 1};
	struct rsh_trace_stats before, after;
	int seen = 0;

	CHECK_EQ(rsh_flight_start(&o), 0);
	for (uint64_t n = 1; n <= 20; n++) {
		struct snapshot s = {0};

		CHECK_EQ(emit(n), 0);
		write_into(&s);
		CHECK_EQ(s.r.generations, 1);
		/* Not if the period was over in between. */
		seen += s.r.events == 1 && s.last_value == n;
		trace_forget(&s.r);
	}
	CHECK(seen > 0);
	CHECK_EQ(rsh_trace_stats(&before), 0);
	nap(50);
	CHECK_EQ(rsh_trace_stats(&after), 0);
	CHECK(after.generation - before.generation < 50);
	CHECK_EQ(rsh_flight_stop(), 0);
}

/* A trace that nobody reads has as many generations as there may be: none ends any more. */
static void test_nothing_is_whole(void)
{
	for (int can_end = 0, ended = 0; can_end < 2; can_end++) {
		struct snapshot s = {0};
		struct rsh_writer w = {take, &s};
		struct trace_reading r = {0};
		size_t n = 1;

		CHECK_EQ(rsh_trace_start(NULL), 0);
		for (int i = 1; !can_end || i < ended; i++) {
			if (rsh_trace_advance() == EAGAIN)
				break;
			ended += !can_end;
		}
		CHECK_EQ(rsh_flight_start(&small), can_end ? 0 : EAGAIN);
		CHECK_EQ(rsh_flight_write(&w, &n), can_end ? EAGAIN : ESRCH);
		CHECK_EQ(n | (size_t)s.calls, 0);
		CHECK_EQ(rsh_trace_stop(), 0);
		trace_read_all(&r);
		CHECK_EQ(rsh_flight_stop(), can_end ? 0 : ESRCH);
		trace_forget(&r);
	}
}

static void test_a_child_begins_without(void)
{
	struct snapshot s = {0};
	int status;
	pid_t pid;

	CHECK_EQ(rsh_flight_start(&small), 0);
	CHECK_EQ(emit(1), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		struct snapshot of_child = {0};

		CHECK(!rsh_trace_is_on());
		CHECK_EQ(rsh_flight_stop(), ESRCH);
#ifndef RSH_VISIBLE /* TSan makes no threads in children of programs with threads */
		CHECK_EQ(rsh_flight_start(&small), 0);
		CHECK_EQ(emit(5), 0);
		write_into(&of_child);
		CHECK_EQ(of_child.r.events, 1);
		CHECK_EQ(rsh_flight_stop(), 0);
#endif
		trace_forget(&of_child.r);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	write_into(&s);
	CHECK_EQ(s.r.events, 1);
	CHECK_EQ(rsh_flight_stop(), 0);
	trace_forget(&s.r);
}

int main(void)
{
	test_arguments();
	test_what_was_emitted_just_before_is_written();
	test_old_generations_are_forgotten();
	test_one_writes_at_a_time();
	test_errors_of_the_writer_are_returned();
	test_beside_a_trace();
	test_what_is_too_old_is_forgotten();
	test_the_newest_is_kept_whatever_its_size();
	test_nothing_is_whole();
	test_a_child_begins_without();
	return 0;
}
