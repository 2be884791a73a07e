/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracing: threads that begin and end, fork and are interrupted. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <raceshim/trace.h>

#include "check.h"
#include "trace/state.h"
#include "trace_reading.h"
#include "trace_sig.h"

#define MIB     ((size_t)1 << 20)
#define LONG_MS 1000000u
#define THREADS 300
#define SIGNALS 1000
#define PER_ONE 20

static const struct rsh_trace_options slow = {.buffer_bytes = MIB, .period_ms = LONG_MS};

static int emit(uint64_t value)
{
	return rsh_trace_emit(RSH_TRACE_NAME("value"), RSH_TRACE_KIND_INSTANT_1, value, 0);
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

static void *start_once(void *started)
{
	int err = rsh_trace_start(&slow);

	CHECK(!err || err == EBUSY);
	if (!err)
		__atomic_fetch_add((int *)started, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void test_of_two_starters_one_starts(void)
{
	struct trace_reading r = {0};
	pthread_t threads[2];

	for (int round = 0; round < 20; round++) {
		int started = 0;

		for (int i = 0; i < 2; i++)
			CHECK_EQ(pthread_create(&threads[i], NULL, start_once, &started), 0);
		for (int i = 0; i < 2; i++)
			CHECK_EQ(pthread_join(threads[i], NULL), 0);
		CHECK_EQ(started, 1);
		CHECK_EQ(rsh_trace_stop(), 0);
		trace_read_all(&r);
	}
	trace_forget(&r);
}

static void *emit_some(void *name)
{
	CHECK_EQ(pthread_setname_np(pthread_self(), name), 0);
	for (uint64_t i = 0; i < PER_ONE; i++)
		CHECK_EQ(emit(i), 0);
	return NULL;
}

struct of_threads {
	uint64_t events, named;
};

static void see_thread(void *arg, const struct trace_event *e)
{
	struct of_threads *of = arg;

	of->events++;
	of->named += !strcmp(e->thread, "worker");
}

/* Nothing runs at their end; the next ones go on in what they leave. */
static void test_threads_that_end_lose_nothing(void)
{
	struct of_threads of = {0, 0};
	struct trace_reading r = {.see = see_thread, .arg = &of};
	struct rsh_trace_options o = {.period_ms = LONG_MS};
	struct rsh_trace_stats stats;

	CHECK_EQ(rsh_trace_start(&o), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;

		CHECK_EQ(pthread_create(&thread, NULL, emit_some, (void *)"worker"), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		if (i % 100 == 50)
			CHECK_EQ(rsh_trace_advance(), 0);
	}
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(of.events, THREADS * PER_ONE);
	CHECK_EQ(of.named, THREADS * PER_ONE);
	CHECK_EQ(r.lost, 0);
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK(stats.threads < 100);
	trace_forget(&r);
}

static pthread_key_t key;
static uint32_t rounds;

/* Called again, as other libraries' destructors are; a last time TSan itself does not survive. */
static void emit_at_the_end(void *value)
{
	CHECK_EQ(emit(1), 0);
	if (++rounds < 3)
		CHECK_EQ(pthread_setspecific(key, value), 0);
}

static void *end_with_events(void *unused)
{
	(void)unused;
	CHECK_EQ(pthread_setspecific(key, &key), 0);
	return NULL;
}

static int constructed = -1;

__attribute__((constructor)) static void emit_before_main(void)
{
	if (rsh_trace_start(&slow))
		return;
	constructed = emit(1);
	(void)rsh_trace_stop();
}

static void test_events_come_from_constructors_and_destructors(void)
{
	struct trace_reading r = {0};
	pthread_t thread;

	CHECK_EQ(constructed, 0);
	trace_read_all(&r);
	CHECK_EQ(r.events, 1);
	CHECK_EQ(pthread_key_create(&key, emit_at_the_end), 0);
	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(pthread_create(&thread, NULL, end_with_events, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(rounds, 3);
	CHECK_EQ(r.events, 4);
	trace_forget(&r);
}

static void trace_in_the_child(void)
{
	struct trace_reading r = {0};
	struct rsh_trace_stats stats;
	const void *data;
	size_t n;

	CHECK(!rsh_trace_is_on());
	CHECK_EQ(emit(1), ESRCH);
	CHECK_EQ(rsh_trace_stop(), ESRCH);
	CHECK_EQ(rsh_trace_read(&data, &n), ESRCH);
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.generation | stats.buffers | stats.events, 0);
	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(emit(1), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(r.events, 1);
	CHECK_EQ(r.lost, 0);
	trace_forget(&r);
}

/* The parent's reader and its events are the parent's. */
static void test_a_child_begins_without_a_trace(void)
{
	struct trace_reading r = {0};
	pthread_t thread;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(emit(1), 0);
	thread = start_reader(&r);
	for (int i = 0; i < 3; i++) {
		int status;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			trace_in_the_child();
			_exit(0);
		}
		CHECK_EQ(emit(1), 0);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(r.events, 4);
	CHECK_EQ(r.lost, 0);
	trace_forget(&r);
}

static void *be_killed(void *r)
{
	CHECK_EQ(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL), 0);
	return read_to_the_end(r);
}

/* The next one goes on where it was. */
static void test_a_reader_that_is_killed(void)
{
	static struct trace_reading r;
	pthread_t thread;
	void *result;

	CHECK_EQ(rsh_trace_start(&slow), 0);
	CHECK_EQ(emit(1), 0);
	CHECK_EQ(pthread_create(&thread, NULL, be_killed, &r), 0);
	wait_for_the_reader();
	CHECK_EQ(pthread_cancel(thread), 0);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK(result == PTHREAD_CANCELED);
	CHECK_EQ(emit(2), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(r.events, 2);
	trace_forget(&r);
}

/* The visible build does not see what handlers do, and so not that they get buffers. */
#ifndef RSH_VISIBLE
static int emitter_tid;
static int done;

struct told {
	uint64_t taken, lost;
};

/* Without rest, so that signals come in the middle of events. */
static void *emit_until_done(void *arg)
{
	struct told *told = arg;

	__atomic_store_n(&emitter_tid, gettid(), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		int err = emit(told->taken);

		CHECK(!err || err == ENOBUFS);
		told->taken += !err;
		told->lost += err != 0;
	}
	return NULL;
}

/* Handlers come anywhere, in other handlers too; each is told what became of its event. */
static void test_handlers_emit(void)
{
	struct rsh_trace_options o = {.buffer_bytes = MIB, .period_ms = 5};
	struct trace_reading r = {0};
	pthread_t thread, reader;
	struct told told = {0, 0};

	CHECK_EQ(trace_handlers_sig(), 0);
	CHECK_EQ(rsh_trace_start(&o), 0);
	CHECK_EQ(pthread_create(&reader, NULL, read_to_the_end, &r), 0);
	done = 0;
	CHECK_EQ(pthread_create(&thread, NULL, emit_until_done, &told), 0);
	while (!__atomic_load_n(&emitter_tid, __ATOMIC_ACQUIRE))
		sched_yield();
	for (uint64_t sent = 0; sent < SIGNALS;) {
		trace_send_sig(emitter_tid, TRACE_SIGNAL, 1);
		trace_send_sig(emitter_tid, TRACE_OTHER_SIGNAL, 1);
		sent += 2;
		while (trace_handler_taken_sig() + trace_handler_lost_sig() < sent)
			sched_yield();
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK_EQ(pthread_join(reader, NULL), 0);
	CHECK_EQ(trace_handler_off_sig(), 0);
	CHECK_EQ(trace_handler_taken_sig() + trace_handler_lost_sig(), SIGNALS);
	CHECK_EQ(r.events, told.taken + trace_handler_taken_sig());
	CHECK_EQ(r.lost, told.lost + trace_handler_lost_sig());
	CHECK(r.nested > 0);
	trace_forget(&r);
}
#endif

int main(void)
{
	/* First: what was emitted before this. */
	test_events_come_from_constructors_and_destructors();
	test_of_two_starters_one_starts();
	test_threads_that_end_lose_nothing();
	test_a_child_begins_without_a_trace();
	test_a_reader_that_is_killed();
#ifndef RSH_VISIBLE
	test_handlers_emit();
#endif
	return 0;
}
