/* SPDX-License-Identifier: BSD-2-Clause */
/* What the flight recorder writes where nobody may be waited for. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <raceshim/trace.h>

#include "check.h"
#include "trace/flight.h"
#include "trace_reading.h"

#define EMITTERS 3
#define DUMPS    40

static int done; /* atomic */

static int emit(uint64_t value)
{
	return rsh_trace_emit(RSH_TRACE_NAME("value"), RSH_TRACE_KIND_INSTANT_1, value, 0);
}

/* What a dump has of each emitter: numbers up to the last one, without a hole that it does not tell. */
struct dump {
	struct trace_reading r;
	uint64_t first[EMITTERS], last[EMITTERS];
	uint64_t missing;
};

static void see(void *arg, const struct trace_event *e)
{
	struct dump *d = arg;
	uint64_t who = e->a % EMITTERS, number = e->a / EMITTERS;

	CHECK(number > d->last[who]);
	if (!d->last[who])
		d->first[who] = number;
	else
		d->missing += number - d->last[who] - 1;
	d->last[who] = number;
}

static void take_dump(struct dump *d)
{
	memset(d, 0, sizeof(*d));
	d->r.see = see;
	d->r.arg = d;
	trace_read_dump(&d->r);
	CHECK(d->missing <= d->r.lost);
}

static void test_without_a_recorder(void)
{
	CHECK_EQ(rshi_flight_dump_sig(2), ESRCH);
}

static void test_all_that_was_emitted_is_there(void)
{
	uint64_t n = 0;

	CHECK_EQ(rsh_flight_start(NULL), 0);
	for (int round = 1; round <= 4; round++) {
		struct dump d;

		/* Some buffers in the last one. */
		for (int i = 0; i < (round == 4 ? 100000 : 3); i++)
			CHECK_EQ(emit(++n * EMITTERS), 0);
		take_dump(&d);
		CHECK_EQ(d.r.events, n);
		CHECK_EQ(d.first[0], 1);
		CHECK_EQ(d.last[0], n);
		CHECK_EQ(d.r.lost, 0);
		trace_forget(&d.r);
	}
	CHECK_EQ(rsh_flight_stop(), 0);
}

static void *emit_until_done(void *arg)
{
	uint64_t who = (uint64_t)(uintptr_t)arg;

	for (uint64_t i = 1; !__atomic_load_n(&done, __ATOMIC_RELAXED); i++) {
		int err;

		/* The recorder has had no processor for long; so what is missing was emitted. */
		while ((err = emit(i * EMITTERS + who)) == ENOBUFS)
			sched_yield();
		CHECK_EQ(err, 0);
		if (i % 1024 == 0)
			sched_yield();
	}
	return NULL;
}

/* Nobody waits, and every dump is a whole trace in order, whatever the others do meanwhile. */
static void test_others_emit_on(void)
{
	const struct rsh_flight_options small = {.min_age_ms = 1000000, .max_bytes = 1 << 20};
	pthread_t threads[EMITTERS];
	uint64_t before[EMITTERS] = {0};

	CHECK_EQ(rsh_flight_start(&small), 0);
	for (uintptr_t i = 0; i < EMITTERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, emit_until_done, (void *)i), 0);
	for (int i = 0; i < DUMPS; i++) {
		struct dump d;

		take_dump(&d);
		for (int who = 0; who < EMITTERS; who++) {
			CHECK(!d.last[who] || d.last[who] >= before[who]);
			before[who] = d.last[who];
		}
		trace_forget(&d.r);
		if (i % 8 == 0)
			sched_yield();
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < EMITTERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(rsh_flight_stop(), 0);
}

static void *wait_for_the_section(void *arg)
{
	CHECK_EQ(rsh_trace_advance(), 0);
	return arg;
}

/* A thread that has crashed in the middle of an event, or waits there in a handler for a lock. */
static void test_who_never_leaves_a_section_is_no_obstacle(void)
{
	struct rshi_trace_thread *me;
	uint64_t generation;
	struct dump d;
	pthread_t waits;

	CHECK_EQ(rsh_trace_start(NULL), 0);
	CHECK_EQ(rsh_flight_start(NULL), 0);
	for (uint64_t i = 1; i <= 5; i++)
		CHECK_EQ(emit(i * EMITTERS), 0);
	me = rshi_trace_mine_sig;
	__atomic_add_fetch(&me->section, 1, __ATOMIC_RELEASE);
	generation = __atomic_load_n(&rshi_trace_sig.generation, __ATOMIC_ACQUIRE);
	CHECK_EQ(pthread_create(&waits, NULL, wait_for_the_section, NULL), 0);
	while (__atomic_load_n(&rshi_trace_sig.generation, __ATOMIC_ACQUIRE) == generation)
		sched_yield();
	/* One generation cannot end, the next one has begun: this is in a handler, so to speak. */
	CHECK_EQ(emit(6 * EMITTERS), 0);
	take_dump(&d);
	CHECK_EQ(d.last[0], 6);
	CHECK_EQ(d.r.events, 6);
	CHECK(d.r.generations >= 2);
	trace_forget(&d.r);
	__atomic_add_fetch(&me->section, 1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(waits, NULL), 0);
	CHECK_EQ(rsh_flight_stop(), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
}

static void *hold_the_lock(void *arg)
{
	pthread_barrier_t *both = arg;

	rshi_lock(&rshi_session_trace.lock);
	pthread_barrier_wait(both);
	pthread_barrier_wait(both);
	rshi_unlock(&rshi_session_trace.lock);
	return NULL;
}

static void test_a_lock_that_is_never_free_is_not_waited_for(void)
{
	pthread_barrier_t both;
	pthread_t holder;

	CHECK_EQ(rsh_flight_start(NULL), 0);
	CHECK_EQ(pthread_barrier_init(&both, NULL, 2), 0);
	CHECK_EQ(pthread_create(&holder, NULL, hold_the_lock, &both), 0);
	pthread_barrier_wait(&both);
	CHECK_EQ(rshi_flight_dump_sig(2), EBUSY);
	pthread_barrier_wait(&both);
	CHECK_EQ(pthread_join(holder, NULL), 0);
	CHECK_EQ(pthread_barrier_destroy(&both), 0);
	rshi_lock(&rshi_session_trace.lock);
	CHECK_EQ(rshi_flight_dump_sig(2), EDEADLK);
	rshi_unlock(&rshi_session_trace.lock);
	CHECK_EQ(rsh_flight_stop(), 0);
}

int main(void)
{
	test_without_a_recorder();
	test_all_that_was_emitted_is_there();
	test_others_emit_on();
	test_who_never_leaves_a_section_is_no_obstacle();
	test_a_lock_that_is_never_free_is_not_waited_for();
	return 0;
}
