/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU samples of the profiler in a trace. */

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <raceshim/cpuprof.h>
#include <raceshim/trace.h>

#include "check.h"
#include "trace_reading.h"

#define LONG_MS 1000000u
#define HZ      200
#define ENOUGH  20 /* samples */

/* In the visible build the profiler's thread is one that ThreadSanitizer sees, also after a fork. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

static uint32_t me(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

struct counted {
	uint64_t samples, in_burn, unnamed;
	uint32_t tid; /* of who burns */
	uint64_t begin, end, early, late;
};

static void see(void *arg, const struct trace_event *e)
{
	struct counted *c = arg;

	if (e->kind == RSHI_TRACE_REGION)
		c->begin = e->time;
	if (e->kind == RSHI_TRACE_REGION_END)
		c->end = e->time;
	if (e->kind != RSHI_TRACE_SAMPLE)
		return;
	CHECK(e->is_nested);
	CHECK(e->a > 0);
	c->samples++;
	for (uint64_t i = 0; i < e->a; i++) {
		c->unnamed += !strcmp(e->frames[i], "?");
		if (strcmp(e->frames[i], "burn") != 0)
			continue;
		c->in_burn++;
		CHECK_EQ(e->tid, c->tid);
		c->early = c->early && c->early < e->time ? c->early : e->time;
		c->late = c->late > e->time ? c->late : e->time;
		break;
	}
}

static atomic_ulong burnt;

static uint64_t samples_so_far(void)
{
	struct rsh_cpuprof_stats s;

	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	return s.accepted;
}

void burn(void);
__attribute__((noinline)) void burn(void)
{
	uint64_t from = samples_so_far();

	while (samples_so_far() < from + ENOUGH) {
		for (int i = 0; i < 1000000; i++)
			atomic_fetch_add_explicit(&burnt, 1, memory_order_relaxed);
	}
}

static void *burn_in_a_thread(void *counted)
{
	((struct counted *)counted)->tid = me();
	RSH_TRACE_REGION("burning");
	burn();
	RSH_TRACE_REGION_END("burning");
	return NULL;
}

static void profile(struct counted *c)
{
	const struct rsh_cpuprof_options o = {.hz = HZ};
	pthread_t t;

	CHECK_EQ(rsh_cpuprof_start(&o), 0);
	CHECK_EQ(pthread_create(&t, NULL, burn_in_a_thread, c), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(rsh_cpuprof_stop(), 0);
}

static void test_each_sample_is_an_event(uint32_t clock)
{
	const struct rsh_trace_options o = {
	        .period_ms = LONG_MS, .clock = clock, .automatic = RSH_TRACE_AUTO_SAMPLES};
	struct counted c = {0};
	struct trace_reading r = {.see = see, .arg = &c};
	struct rsh_cpuprof_stats s;
	uint64_t lost = 0;

	CHECK_EQ(rsh_trace_start(&o), 0);
	profile(&c);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	for (int why = 0; why < RSH_CPUPROF_LOST_CLASSES; why++)
		lost += s.lost[why];
	CHECK_EQ(c.samples, s.delivered);
	CHECK_EQ(r.lost_by[RSHI_TRACE_LOST_SAMPLE], lost);
	CHECK_EQ(r.lost, lost);
	CHECK(c.in_burn >= ENOUGH / 2);
	CHECK(c.unnamed * 2 < c.samples);
	/* The same clock, or one that is converted. */
	CHECK(c.begin && c.end);
	if (r.unit == RSHI_TRACE_TSC) {
		CHECK(c.early > c.begin);
		CHECK(c.late < c.end);
	}
	trace_forget(&r);
}

static void test_nobody_asks_for_them(void)
{
	const struct rsh_trace_options o = {
	        .period_ms = LONG_MS, .automatic = RSH_TRACE_AUTO_ALL & ~RSH_TRACE_AUTO_SAMPLES};
	struct counted c = {0};
	struct trace_reading r = {.see = see, .arg = &c};

	CHECK_EQ(rsh_trace_start(&o), 0);
	profile(&c);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK(r.events >= 2);
	CHECK_EQ(c.samples, 0);
	trace_forget(&r);
}

/* The trace ends first: what the profiler has at that moment is in it. */
static void test_a_trace_that_ends_before_the_profile(void)
{
	const struct rsh_trace_options o = {.period_ms = LONG_MS,
	                                    .automatic = RSH_TRACE_AUTO_SAMPLES};
	const struct rsh_cpuprof_options profile = {.hz = HZ};
	struct counted c = {.tid = me()};
	struct trace_reading r = {.see = see, .arg = &c};

	CHECK_EQ(rsh_cpuprof_start(&profile), 0);
	CHECK_EQ(rsh_trace_start(&o), 0);
	burn();
	CHECK_EQ(rsh_trace_advance(), 0);
	burn();
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK(c.in_burn >= ENOUGH);
	CHECK_EQ(r.generations, 2);
	CHECK_EQ(rsh_cpuprof_stop(), 0);
	trace_forget(&r);
}

/* The buffers are full before the first sample comes. */
static void test_samples_without_room_are_counted(void)
{
	const struct rsh_trace_options o = {.buffer_bytes = (size_t)1 << 20,
	                                    .period_ms = LONG_MS,
	                                    .automatic = RSH_TRACE_AUTO_SAMPLES};
	struct counted c = {0};
	struct trace_reading r = {.see = see, .arg = &c};
	struct rsh_trace_stats before, after;
	struct rsh_cpuprof_stats s;

	CHECK_EQ(rsh_trace_start(&o), 0);
	while (!rsh_trace_emit(RSH_TRACE_NAME("fill"), RSH_TRACE_KIND_INSTANT, 0, 0))
		continue;
	CHECK_EQ(rsh_trace_stats(&before), 0);
	profile(&c);
	CHECK_EQ(rsh_trace_stats(&after), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	/* Samples, and the region. */
	CHECK_EQ(after.lost[RSH_TRACE_LOST_BUFFER] - before.lost[RSH_TRACE_LOST_BUFFER],
	         s.delivered + 2);
	trace_read_all(&r);
	CHECK_EQ(c.samples, 0);
	trace_forget(&r);
}

/* The generation goes on, and so does the batch that the last samples are in. */
static void test_a_dump_has_the_samples_of_now(void)
{
	/* As long as a loaded machine may take. */
	const struct rsh_flight_options o = {.min_age_ms = LONG_MS,
	                                     .automatic = RSH_TRACE_AUTO_SAMPLES};
	struct rsh_cpuprof_stats s;
	struct counted c = {0};
	struct trace_reading r = {.see = see, .arg = &c};

	CHECK_EQ(rsh_flight_start(&o), 0);
	profile(&c);
	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	trace_read_dump(&r);
	CHECK_EQ(c.samples, s.delivered);
	CHECK(c.in_burn >= ENOUGH / 2);
	trace_forget(&r);
	CHECK_EQ(rsh_flight_stop(), 0);
}

static void test_a_child_has_its_own(void)
{
	const struct rsh_trace_options o = {.period_ms = LONG_MS,
	                                    .automatic = RSH_TRACE_AUTO_SAMPLES};
	struct trace_reading r = {0};
	int status;
	pid_t pid;

	CHECK_EQ(rsh_trace_start(&o), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		test_each_sample_is_an_event(RSH_TRACE_CLOCK_AUTO);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	trace_forget(&r);
}

int main(void)
{
	test_each_sample_is_an_event(RSH_TRACE_CLOCK_AUTO);
	test_each_sample_is_an_event(RSH_TRACE_CLOCK_MONOTONIC);
	test_nobody_asks_for_them();
	test_a_trace_that_ends_before_the_profile();
	test_samples_without_room_are_counted();
	test_a_dump_has_the_samples_of_now();
	test_a_child_has_its_own();
	return 0;
}
