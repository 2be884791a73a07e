/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eight threads that emit, others that begin and end, a reader, and somebody who starts, advances,
 * stops and forks at random, for as many seconds as are given. Each thread numbers the events that it
 * was told are recorded: all of them are read, once, in order; and what it was told is lost is what
 * the traces say.
 *
 *   SECONDS [SEED [FOLDER]]
 *
 * With a folder all traces are kept there, and threads emit so much as others can look at: many
 * events at each step, few in between.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <raceshim/trace.h>

#include "check.h"
#include "trace_keeping.h"
#include "trace_reading.h"

#define EMITTERS 8
#define SHORT    5 /* events of a thread that ends at once */
#define NUMBER   40
#define BURST    50u    /* events at each step, if traces are kept */
#define PAUSE    500000 /* nanoseconds */

static int done;          /* atomic */
static unsigned int step; /* atomic: changes with each */
static struct trace_keeping keeping;

struct emitter {
	pthread_t thread;
	uint64_t who, taken, lost;
	unsigned int step, left; /* events of it */
};

static struct emitter emitters[EMITTERS], ending = {.who = EMITTERS};

/* What the traces say. */
static uint64_t expected[EMITTERS], of_short;

static void see(void *arg, const struct trace_event *e)
{
	uint64_t who = e->a >> NUMBER, number = e->a & (((uint64_t)1 << NUMBER) - 1);

	(void)arg;
	CHECK(who <= EMITTERS);
	if (who == EMITTERS) {
		of_short++;
		return;
	}
	CHECK_EQ(number, expected[who]);
	expected[who]++;
}

static void emit(struct emitter *me)
{
	uint64_t value = me->who << NUMBER | me->taken;
	int err = me->taken % 16 ? rsh_trace_emit(RSH_TRACE_NAME("value"), RSH_TRACE_KIND_INSTANT_1,
	                                          value, 0)
	                         : rsh_trace_emit(RSH_TRACE_NAME("count"), RSH_TRACE_KIND_COUNTER,
	                                          value, 0);

	CHECK(!err || err == ENOBUFS || err == ESRCH);
	me->taken += !err;
	me->lost += err == ENOBUFS;
	if (err)
		sched_yield();
}

static void nap(long nanoseconds)
{
	const struct timespec moment = {.tv_nsec = nanoseconds};

	nanosleep(&moment, NULL);
}

/* Wait, if there have been enough for this step. Orders no threads. */
static void ration(struct emitter *me)
{
	unsigned int now = __atomic_load_n(&step, __ATOMIC_RELAXED);

	if (me->step == now && !me->left) {
		nap(PAUSE);
		return;
	}
	if (me->step != now)
		me->left = BURST;
	me->step = now;
	me->left--;
}

static void *emit_until_done(void *arg)
{
	struct emitter *me = arg;

	for (uint64_t n = 1; !__atomic_load_n(&done, __ATOMIC_RELAXED); n++) {
		if (keeping.folder)
			ration(me);
		emit(me);
		if (n % 512 == 0)
			sched_yield();
	}
	return NULL;
}

static void *emit_and_end(void *arg)
{
	for (int i = 0; i < SHORT; i++)
		emit(arg);
	return NULL;
}

/* And ends generations, whoever else does. */
static void *begin_and_end_threads(void *arg)
{
	pthread_t thread;
	int err;

	for (uint64_t n = 1; !__atomic_load_n(&done, __ATOMIC_RELAXED); n++) {
		CHECK_EQ(pthread_create(&thread, NULL, emit_and_end, arg), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		if (keeping.folder)
			nap(PAUSE);
		if (n % 16)
			continue;
		err = rsh_trace_advance();
		CHECK(!err || err == EAGAIN || err == ESRCH);
	}
	return NULL;
}

static void *read_to_the_end(void *arg)
{
	trace_read_all(arg);
	return NULL;
}

static void fork_once(void)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid)
		_exit(rsh_trace_is_on() || rsh_trace_stop() != ESRCH);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static unsigned int state;

static unsigned int at_random(unsigned int n)
{
	state = state * 1103515245u + 12345u;
	return (state >> 16) % n;
}

static void trace_once(struct trace_reading *r)
{
	struct rsh_trace_options o = {.buffer_bytes = (size_t)(1 + at_random(8)) << 20,
	                              .period_ms = 1 + at_random(20),
	                              .clock = at_random(4) == 0};
	unsigned int moment = at_random(2000) * 1000, steps = at_random(8);
	int err, is_late = at_random(4) == 0;
	pthread_t reader;

	if (keeping.folder)
		moment *= 100;
	trace_keep_begin(&keeping, r);
	CHECK_EQ(rsh_trace_start(&o), 0);
	/* Late: what does not fit until then is lost. */
	if (!is_late)
		CHECK_EQ(pthread_create(&reader, NULL, read_to_the_end, r), 0);
	for (unsigned int i = 0; i < steps; i++) {
		__atomic_add_fetch(&step, 1, __ATOMIC_RELAXED);
		switch (at_random(4)) {
		case 0:
			err = rsh_trace_advance();
			CHECK(!err || err == EAGAIN);
			break;
		case 1:
			CHECK_EQ(rsh_trace_start(&o), EBUSY);
			break;
		case 2:
			nap(moment);
			break;
		default:
			if (at_random(4) == 0)
				fork_once();
		}
	}
	if (is_late)
		CHECK_EQ(pthread_create(&reader, NULL, read_to_the_end, r), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK_EQ(pthread_join(reader, NULL), 0);
	trace_keep_end(&keeping);
}

static uint64_t seconds(void)
{
	struct timespec now;

	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (uint64_t)now.tv_sec;
}

int main(int argc, char **argv)
{
	uint64_t end = seconds() + (argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
	uint64_t taken = 0, lost = 0, read = 0, traces = 0;
	struct trace_reading r = {.see = see};
	pthread_t thread;

	state = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 1;
	keeping.folder = argc > 3 ? argv[3] : NULL;
	for (uint64_t i = 0; i < EMITTERS; i++) {
		emitters[i].who = i;
		CHECK_EQ(pthread_create(&emitters[i].thread, NULL, emit_until_done, &emitters[i]),
		         0);
	}
	CHECK_EQ(pthread_create(&thread, NULL, begin_and_end_threads, &ending), 0);
	do {
		trace_once(&r);
		traces++;
	} while (seconds() <= end);
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < EMITTERS; i++) {
		CHECK_EQ(pthread_join(emitters[i].thread, NULL), 0);
		CHECK_EQ(expected[i], emitters[i].taken);
		taken += emitters[i].taken;
		lost += emitters[i].lost;
		read += expected[i];
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(of_short, ending.taken);
	CHECK_EQ(r.events, read + of_short);
	CHECK_EQ(r.events, taken + ending.taken);
	CHECK_EQ(r.lost, lost + ending.lost);
	CHECK(r.events > 0);
	printf("%llu traces, %llu generations, %llu events, %llu lost\n",
	       (unsigned long long)traces, (unsigned long long)r.generations,
	       (unsigned long long)r.events, (unsigned long long)r.lost);
	trace_forget(&r);
	return 0;
}
