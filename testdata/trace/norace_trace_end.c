/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens before a trace is stopped happens before its reader is told that it is over. The
 * control goes by the bytes of the trace, which order nothing.
 *
 * control: data race in write_summary, read_summary
 * uninstrumented: ../races/step.c
 */
#include <pthread.h>
#include <raceshim/trace.h>

#include "../races/step.h"

int summary;

static NOINLINE void write_summary(void)
{
	summary = 3;
}

static NOINLINE int read_summary(void)
{
	return summary;
}

static void *stop(void *arg)
{
	write_summary();
	RSH_TRACE_INSTANT("the summary is written");
	rsh_trace_stop();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	const void *data;
	size_t n;
	int seen;

	if (rsh_trace_start(NULL))
		return 2;
	pthread_create(&thread, NULL, stop, NULL);
	step_wait(1);
	while (rsh_trace_read(&data, &n) == 0 && data) {
#ifdef RSH_CONTROL
		break;
#endif
	}
	seen = read_summary();
	pthread_join(thread, NULL);
	return seen != 3;
}
