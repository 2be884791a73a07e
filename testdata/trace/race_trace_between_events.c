/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that the two threads do is traced, generations end, and a third thread reads the trace
 * at the same time, and their race is as visible as without.
 *
 * report: data race in write_setting, read_setting
 * uninstrumented: ../races/step.c
 */
#include <pthread.h>
#include <raceshim/trace.h>
#include <stdint.h>

#include "../races/step.h"

int setting;
static uint64_t bytes; /* the reader's, until it is joined */

static void *read_trace(void *arg)
{
	const void *data;
	size_t n;

	while (rsh_trace_read(&data, &n) == 0 && data)
		bytes += n;
	return arg;
}

static NOINLINE void write_setting(void)
{
	RSH_TRACE_REGION("write");
	setting = 3;
	RSH_TRACE_REGION_END("write");
	RSH_TRACE_FLOW("written", 1);
	rsh_trace_advance();
}

static NOINLINE int read_setting(void)
{
	int seen;

	rsh_trace_advance();
	RSH_TRACE_FLOW_END("written", 1);
	RSH_TRACE_REGION("read");
	seen = setting;
	RSH_TRACE_REGION_END("read");
	RSH_TRACE_LOG("setting", "was read");
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
	pthread_t thread, reader;
	int seen;

	if (rsh_trace_start(NULL))
		return 2;
	pthread_create(&reader, NULL, read_trace, NULL);
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = read_setting();
	pthread_join(thread, NULL);
	rsh_trace_stop();
	pthread_join(reader, NULL);
	return seen != 3 || bytes == 0;
}
