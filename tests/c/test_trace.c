/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracing: what is emitted is read, once, in order, or counted as lost. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <raceshim/trace.h>

#include "check.h"
#include "trace/generations.h"
#include "trace/state.h"
#include "trace_reading.h"

#define MIB     ((size_t)1 << 20)
#define LONG_MS 1000000u
#define EVENTS  16

static const struct rsh_trace_options slow = {.buffer_bytes = MIB, .period_ms = LONG_MS};

static int emit(uint64_t value)
{
	return rsh_trace_emit(RSH_TRACE_NAME("value"), RSH_TRACE_KIND_INSTANT_1, value, 0);
}

/* The first events of a trace, as they were read. */
struct seen {
	size_t n;
	struct trace_event events[EVENTS];
	char names[EVENTS][RSHI_TRACE_TEXT + 1], texts[EVENTS][RSHI_TRACE_TEXT + 1];
};

static void see(void *arg, const struct trace_event *e)
{
	struct seen *seen = arg;

	if (seen->n < EVENTS) {
		seen->events[seen->n] = *e;
		strcpy(seen->names[seen->n], e->name);
		memcpy(seen->texts[seen->n], e->text ? e->text : "", e->length);
		seen->texts[seen->n][e->length] = '\0';
	}
	seen->n++;
}

static void test_arguments(void)
{
	struct rsh_trace_options o = {.buffer_bytes = MIB - 1};
	const void *data;
	size_t n;

	CHECK_EQ(rsh_trace_start(&o), EINVAL);
	o.buffer_bytes = SIZE_MAX;
	CHECK_EQ(rsh_trace_start(&o), EINVAL);
	o.buffer_bytes = MIB;
	o.clock = 2;
	CHECK_EQ(rsh_trace_start(&o), EINVAL);
	o.clock = 0;
	o.buffer_bytes = (size_t)1 << 40;
	CHECK_EQ(rsh_trace_start(&o), ENOMEM);
	CHECK_EQ(rsh_trace_read(NULL, &n), EINVAL);
	CHECK_EQ(rsh_trace_read(&data, NULL), EINVAL);
	CHECK_EQ(rsh_trace_stats(NULL), EINVAL);
	CHECK_EQ(rsh_trace_log(RSH_TRACE_NAME("no text"), NULL), EINVAL);
	CHECK_EQ(rsh_trace_log_sig(RSH_TRACE_NAME("no text"), NULL), EINVAL);
	CHECK_EQ(rsh_trace_emit(RSH_TRACE_NAME("no kind"), 0, 0, 0), EINVAL);
	CHECK_EQ(rsh_trace_emit_sig(RSH_TRACE_NAME("no kind"), 11, 0, 0), EINVAL);
}

static void test_a_trace_begins_and_ends_once(void)
{
	struct trace_reading r = {0};
	const void *data;
	size_t n;

	CHECK(!rsh_trace_is_on());
	RSH_TRACE_INSTANT("nothing");
	CHECK_EQ(emit(1), ESRCH);
	CHECK_EQ(rsh_trace_log(RSH_TRACE_NAME("nothing"), "nothing"), ESRCH);
	CHECK_EQ(RSH_TRACE_TASK("nothing", 0), 0);
	CHECK_EQ(rsh_trace_stop(), ESRCH);
	CHECK_EQ(rsh_trace_advance(), ESRCH);
	for (int round = 0; round < 3; round++) {
		CHECK_EQ(rsh_trace_start(&slow), 0);
		CHECK(rsh_trace_is_on());
		CHECK_EQ(rsh_trace_start(&slow), EBUSY);
		CHECK_EQ(emit(1), 0);
		CHECK_EQ(rsh_trace_stop(), 0);
		CHECK_EQ(rsh_trace_stop(), ESRCH);
		CHECK(!rsh_trace_is_on());
		CHECK_EQ(emit(2), ESRCH);
		CHECK_EQ(rsh_trace_start(&slow), EBUSY); /* not read */
		trace_read_all(&r);
		CHECK_EQ(r.events, round + 1);
		CHECK_EQ(rsh_trace_read(&data, &n), 0);
		CHECK(!data && !n);
	}
	CHECK_EQ(r.generations, 3);
	CHECK_EQ(r.lost, 0);
	trace_forget(&r);
}

/* Its last bytes are not yet its end: whoever reads is told that before another one begins. */
static void test_the_end_is_read_before_another_trace_begins(void)
{
	struct trace_reading r = {0};
	const void *data;
	size_t n;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_generations(&r, 1);
	CHECK(r.is_over);
	CHECK_EQ(rsh_trace_start(&slow), EBUSY);
	CHECK_EQ(rsh_trace_read(&data, &n), 0);
	CHECK(!data);
	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	trace_forget(&r);
}

static void check_event(const struct seen *seen, size_t i, enum rshi_trace_kind kind,
                        const char *name, uint64_t a, uint64_t b)
{
	CHECK_EQ(seen->events[i].kind, kind);
	CHECK(!strcmp(seen->names[i], name));
	CHECK_EQ(seen->events[i].a, a);
	CHECK_EQ(seen->events[i].b, b);
	CHECK_EQ(seen->events[i].tid, gettid());
	CHECK(!strcmp(seen->events[i].thread, "test_trace"));
}

static void test_every_kind_is_read_as_it_was_emitted(void)
{
	static struct seen seen;
	struct trace_reading r = {.see = see, .arg = &seen};
	uint64_t task, child;

	seen.n = 0;
	CHECK_EQ(rsh_trace_start(&slow), 0);
	RSH_TRACE_INSTANT("instant");
	RSH_TRACE_INSTANT_1("one", -1);
	RSH_TRACE_INSTANT_2("two", INT64_MIN, INT64_MAX);
	RSH_TRACE_REGION("region");
	RSH_TRACE_COUNTER("counter", 1000000);
	RSH_TRACE_REGION_END("region");
	task = RSH_TRACE_TASK("task", 0);
	child = RSH_TRACE_TASK("child", task);
	RSH_TRACE_TASK_END("child", child);
	RSH_TRACE_TASK_END("task", task);
	RSH_TRACE_TASK_END("none", 0);
	RSH_TRACE_FLOW("flow", UINT64_MAX);
	RSH_TRACE_FLOW_END("flow", UINT64_MAX);
	RSH_TRACE_LOG("log", "a text");
	RSH_TRACE_LOG_SIG("log", "");
	RSH_TRACE_INSTANT_2_SIG("two", 3, 4);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);

	CHECK_EQ(seen.n, 15);
	CHECK(task && child && task != child);
	check_event(&seen, 0, RSHI_TRACE_INSTANT, "instant", 0, 0);
	check_event(&seen, 1, RSHI_TRACE_INSTANT_1, "one", (uint64_t)-1, 0);
	check_event(&seen, 2, RSHI_TRACE_INSTANT_2, "two", (uint64_t)INT64_MIN, INT64_MAX);
	check_event(&seen, 3, RSHI_TRACE_REGION, "region", 0, 0);
	check_event(&seen, 4, RSHI_TRACE_COUNTER, "counter", 1000000, 0);
	check_event(&seen, 5, RSHI_TRACE_REGION_END, "region", 0, 0);
	check_event(&seen, 6, RSHI_TRACE_TASK, "task", task, 0);
	check_event(&seen, 7, RSHI_TRACE_TASK, "child", child, task);
	check_event(&seen, 8, RSHI_TRACE_TASK_END, "child", child, 0);
	check_event(&seen, 9, RSHI_TRACE_TASK_END, "task", task, 0);
	check_event(&seen, 10, RSHI_TRACE_FLOW, "flow", UINT64_MAX, 0);
	check_event(&seen, 11, RSHI_TRACE_FLOW_END, "flow", UINT64_MAX, 0);
	check_event(&seen, 12, RSHI_TRACE_LOG, "log", 0, 0);
	CHECK(!strcmp(seen.texts[12], "a text"));
	check_event(&seen, 13, RSHI_TRACE_LOG, "log", 0, 0);
	CHECK_EQ(seen.events[13].length, 0);
	check_event(&seen, 14, RSHI_TRACE_INSTANT_2, "two", 3, 4);
	trace_forget(&r);
}

static void test_long_texts_are_cut(void)
{
	static char text[100000];
	static struct rsh_trace_name name = {text, 0};
	static struct seen seen;
	struct trace_reading r = {.see = see, .arg = &seen};

	memset(text, 'x', sizeof(text) - 1);
	seen.n = 0;
	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(rsh_trace_emit(&name, RSH_TRACE_KIND_REGION, 0, 0), 0);
	for (int i = 0; i < 200; i++)
		CHECK_EQ(rsh_trace_log(&name, text), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(seen.n, 201);
	CHECK_EQ(strlen(seen.names[0]), RSHI_TRACE_TEXT);
	CHECK_EQ(seen.events[1].length, RSHI_TRACE_TEXT);
	CHECK(!memcmp(seen.texts[1], text, RSHI_TRACE_TEXT));
	trace_forget(&r);
}

/* A library that is loaded again brings the same texts at other addresses. */
static void test_equal_names_have_one_number(void)
{
	struct rsh_trace_name names[2] = {{"the same", 0}, {"the same", 0}};
	struct trace_reading r = {0};

	CHECK_EQ(rsh_trace_start(&slow), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(rsh_trace_emit(&names[i], RSH_TRACE_KIND_INSTANT, 0, 0), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK(names[0].number);
	CHECK_EQ(names[0].number, names[1].number);
	trace_read_all(&r);
	trace_forget(&r);
}

static void test_what_was_emitted_before_an_advance_is_read(void)
{
	struct trace_reading r = {0};

	CHECK_EQ(rsh_trace_start(&slow), 0);
	for (uint64_t i = 1; i <= 5; i++) {
		CHECK_EQ(emit(i), 0);
		CHECK_EQ(rsh_trace_advance(), 0);
		trace_read_generations(&r, i);
		CHECK_EQ(r.events, i);
	}
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(r.generations, 6);
	CHECK_EQ(r.events, 5);
	trace_forget(&r);
}

/* Nobody reads: memory is bounded, what does not fit is counted, and nobody waits. */
static void test_losses_are_counted(void)
{
	struct trace_reading r = {0};
	struct rsh_trace_stats stats;
	uint64_t taken = 0, lost = 0;
	int advances = 0;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	while (lost < 1000) {
		int err = emit(taken);

		CHECK(!err || err == ENOBUFS);
		taken += !err;
		lost += err != 0;
	}
	CHECK(taken > MIB / 40);
	while (!rsh_trace_advance())
		advances++;
	CHECK(advances > 2 && advances < 100);
	CHECK_EQ(rsh_trace_advance(), EAGAIN);
	CHECK_EQ(emit(0), ENOBUFS);
	lost++;
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.buffers, MIB / (64 << 10));
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(r.events, taken);
	CHECK_EQ(r.lost, lost);
	CHECK_EQ(r.lost_by[RSHI_TRACE_LOST_BUFFER], lost);
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.buffers, 0);

	/* All buffers are there again; not every event takes as many bytes. */
	CHECK_EQ(rsh_trace_start(&slow), 0);
	for (uint64_t i = 0; i < taken / 2; i++)
		CHECK_EQ(emit(i), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(r.events, taken + taken / 2);
	CHECK_EQ(r.lost, lost);
	trace_forget(&r);
}

static void *read_to_the_end(void *arg)
{
	trace_read_all(arg);
	return NULL;
}

/* Until somebody sleeps in rsh_trace_read(). */
static void wait_for_the_reader(void)
{
	while (!__atomic_load_n(&rshi_trace_sig.reader.reader, __ATOMIC_ACQUIRE))
		sched_yield();
}

static pthread_t start_reader(struct trace_reading *r)
{
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, read_to_the_end, r), 0);
	wait_for_the_reader();
	return thread;
}

static void test_one_reads_at_a_time_and_a_stop_wakes_it(void)
{
	struct trace_reading r = {0};
	const void *data = &r;
	pthread_t thread;
	size_t n = 1;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	thread = start_reader(&r);
	CHECK_EQ(rsh_trace_read(&data, &n), EBUSY);
	CHECK(data == &r && n == 1);
	CHECK_EQ(emit(1), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(r.events, 1);
	trace_forget(&r);
}

static void *stop_it(void *unused)
{
	CHECK_EQ(rsh_trace_stop(), 0);
	return unused;
}

/* It takes as long as somebody is in the middle of an event; whatever wakes the reader meanwhile. */
static void test_the_reader_sleeps_until_the_stop_is_over(void)
{
	struct trace_reading r = {0};
	struct rshi_trace_thread *me;
	pthread_t reader, stopper;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(emit(1), 0);
	reader = start_reader(&r);
	me = rshi_trace_mine_sig;
	__atomic_add_fetch(&me->section, 1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_create(&stopper, NULL, stop_it, NULL), 0);
	while (__atomic_load_n(&rshi_trace_sig.generation, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int i = 0; i < 20; i++) {
		rshi_parking_post(&rshi_trace_sig.reader);
		wait_for_the_reader();
	}
	__atomic_add_fetch(&me->section, 1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(stopper, NULL), 0);
	CHECK_EQ(pthread_join(reader, NULL), 0);
	CHECK_EQ(r.events, 1);
	trace_forget(&r);
}

static void test_a_sleeping_reader_ends_generations_in_time(void)
{
	struct rsh_trace_options o = {.period_ms = 1};
	struct trace_reading r = {0};

	CHECK_EQ(rsh_trace_start(&o), 0);
	CHECK_EQ(emit(1), 0);
	trace_read_generations(&r, 5);
	CHECK_EQ(r.events, 1);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	trace_forget(&r);
}

static void test_full_buffers_wake_the_reader(void)
{
	struct rsh_trace_options o = {.buffer_bytes = MIB, .period_ms = LONG_MS};
	struct trace_reading r = {0};
	uint64_t taken = 0, lost = 0;
	pthread_t thread;

	CHECK_EQ(rsh_trace_start(&o), 0);
	thread = start_reader(&r);
	/* More than all buffers hold. */
	while (taken < MIB) {
		int err = emit(taken);

		CHECK(!err || err == ENOBUFS);
		if (err)
			sched_yield();
		taken += !err;
		lost += err != 0;
	}
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(r.events, taken);
	CHECK_EQ(r.lost, lost);
	trace_forget(&r);
}

/* The lock that the reader looks under: who emits fills buffers and wakes it without. */
static void test_who_emits_needs_no_lock(void)
{
	struct trace_reading r = {0};
	pthread_t thread;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	thread = start_reader(&r);
	rshi_lock(&rshi_session_trace.lock);
	for (uint64_t i = 0; i < MIB / 16; i++)
		CHECK_EQ(emit(i), 0);
	rshi_unlock(&rshi_session_trace.lock);
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(r.events, MIB / 16);
	trace_forget(&r);
}

static void test_times_of_the_kernel(void)
{
	struct rsh_trace_options o = {.clock = RSH_TRACE_CLOCK_MONOTONIC, .period_ms = LONG_MS};
	static struct seen seen;
	struct trace_reading r = {.see = see, .arg = &seen};
	struct rsh_trace_stats stats;
	struct timespec before, after;

	seen.n = 0;
	CHECK_EQ(rsh_trace_start(&o), 0);
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.clock, 1);
	CHECK_EQ(emit(0), 0);
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &before), 0);
	CHECK_EQ(emit(1), 0);
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &after), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(r.unit, RSHI_TRACE_NS);
	CHECK_EQ(seen.n, 2);
	CHECK(seen.events[1].time >=
	      (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec);
	CHECK(seen.events[1].time <=
	      (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec + 1);
	trace_forget(&r);
}

static int over; /* who stops has nothing else to do with who reads */

static void *read_until_over(void *arg)
{
	trace_read_all(arg);
	CHECK_EQ(over, 1);
	return NULL;
}

/* What happens before the stop happens before the end of the reading, for a detector too. */
static void test_the_end_is_ordered(void)
{
	struct trace_reading r = {0};
	pthread_t thread;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(pthread_create(&thread, NULL, read_until_over, &r), 0);
	over = 1;
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	trace_forget(&r);
}

/* Where the kernel does not order threads' loads and stores. */
static void test_threads_order_their_own(void)
{
	uint32_t before = rshi_trace_sig.ordered;
	struct trace_reading r = {0};

	rshi_trace_sig.ordered = 1;
	for (uint64_t i = 0; i < 2; i++) {
		CHECK_EQ(rsh_trace_start(&slow), 0);
		CHECK_EQ(emit(1), 0);
		CHECK_EQ(rsh_trace_advance(), 0);
		CHECK_EQ(emit(2), 0);
		CHECK_EQ(rsh_trace_stop(), 0);
		trace_read_all(&r);
	}
	CHECK_EQ(r.events, 4);
	rshi_trace_sig.ordered = before;
	trace_forget(&r);
}

int main(void)
{
	test_a_trace_begins_and_ends_once();
	test_the_end_is_read_before_another_trace_begins();
	test_arguments();
	test_every_kind_is_read_as_it_was_emitted();
	test_long_texts_are_cut();
	test_equal_names_have_one_number();
	test_what_was_emitted_before_an_advance_is_read();
	test_losses_are_counted();
	test_one_reads_at_a_time_and_a_stop_wakes_it();
	test_the_reader_sleeps_until_the_stop_is_over();
	test_a_sleeping_reader_ends_generations_in_time();
	test_full_buffers_wake_the_reader();
	test_who_emits_needs_no_lock();
	test_times_of_the_kernel();
	test_the_end_is_ordered();
	test_threads_order_their_own();
	return 0;
}
