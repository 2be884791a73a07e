/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tracer whose events go through a lock orders what happens before one of them and what happens
 * behind another one, so that the race is missed as soon as it is traced. The control is traced by
 * the library.
 *
 * control: data race in write_setting, read_setting
 * uninstrumented: ../races/step.c
 */
#include <pthread.h>
#include <raceshim/trace.h>

#include "../races/step.h"

int setting;

#ifdef RSH_CONTROL
#define EVENT(text) RSH_TRACE_INSTANT(text)
#else
#define EVENT(text) trace_event(text)
static pthread_mutex_t trace_mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *trace_events[16];
static unsigned int trace_count;

static void trace_event(const char *text)
{
	pthread_mutex_lock(&trace_mutex);
	trace_events[trace_count++ % 16] = text;
	pthread_mutex_unlock(&trace_mutex);
}
#endif

static NOINLINE void write_setting(void)
{
	EVENT("before the write");
	setting = 3;
	EVENT("behind the write");
}

static NOINLINE int read_setting(void)
{
	int seen;

	EVENT("before the read");
	seen = setting;
	EVENT("behind the read");
	return seen;
}

static void *worker(void *arg)
{
	write_setting();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	if (rsh_trace_start(NULL))
		return 2;
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = read_setting();
	pthread_join(thread, NULL);
	return rsh_trace_stop() || seen != 3;
}
