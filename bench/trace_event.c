/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an event with two numbers costs a thread, with two threads emitting: ours without and with a
 * trace, LTTng-UST's (if a session of it records, and this was compiled with it), and reading the
 * processor's clock, which both do.
 *
 * All take turns in short rounds, of which the best counts; times are of the threads' CPU clocks. A
 * reader takes our events away. Exits with 1 if something of ours takes longer than it may: with a
 * trace half of LTTng's, without one two nanoseconds.
 */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <raceshim/trace.h>

#ifdef WITH_LTTNG
#define LTTNG_UST_TRACEPOINT_DEFINE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#include "trace_event_lttng.h"
#endif

#define THREADS 2
#define EVENTS  20000
#define ROUNDS  200

enum what { CLOCK, OFF, ON, LTTNG, WHATS };

static const char *const names[WHATS] = {"rdtsc", "ours, no trace", "ours", "LTTng-UST"};
static double best[THREADS][WHATS];
static pthread_barrier_t barrier;
static uint64_t sink[THREADS];
static uint64_t lost, bytes;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

__attribute__((noinline)) static void run(enum what what, uint64_t *into)
{
	for (uint64_t i = 0; i < EVENTS; i++) {
		switch (what) {
		case CLOCK:
			*into += __builtin_ia32_rdtsc();
			break;
		case OFF:
		case ON:
			RSH_TRACE_INSTANT_2("value", i, 7);
			break;
#ifdef WITH_LTTNG
		case LTTNG:
			lttng_ust_tracepoint(rsh_bench, value, i, 7);
			break;
#endif
		default:
			return;
		}
	}
}

static void *measure(void *arg)
{
	size_t me = (size_t)arg;

	for (int round = 0; round < ROUNDS; round++) {
		for (enum what what = 0; what < WHATS; what++) {
			double begin, took;

			pthread_barrier_wait(&barrier); /* the trace is as it has to be */
			begin = now();
			run(what, &sink[me]);
			took = (now() - begin) / EVENTS;
			if (!round || took < best[me][what])
				best[me][what] = took;
			pthread_barrier_wait(&barrier);
		}
	}
	return arg;
}

static void *read_trace(void *arg)
{
	const void *data;
	size_t n;

	while (!rsh_trace_read(&data, &n) && data)
		bytes += n;
	return arg;
}

static void control(void)
{
	struct rsh_trace_stats stats;
	pthread_t reader;

	for (int round = 0; round < ROUNDS; round++) {
		for (enum what what = 0; what < WHATS; what++) {
			if (what == ON && (rsh_trace_start(NULL) ||
			                   pthread_create(&reader, NULL, read_trace, NULL)))
				exit(2);
			pthread_barrier_wait(&barrier);
			pthread_barrier_wait(&barrier);
			if (what == ON && (rsh_trace_stop() || pthread_join(reader, NULL)))
				exit(2);
		}
	}
	rsh_trace_stats(&stats);
	lost = stats.lost[0] + stats.lost[1] + stats.lost[2] + stats.lost[3];
}

static double of(enum what what)
{
	double sum = 0;

	for (int i = 0; i < THREADS; i++)
		sum += best[i][what];
	return sum / THREADS;
}

int main(void)
{
	pthread_t threads[THREADS];
	int is_slow;

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, measure, (void *)i);
	control();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (enum what what = 0; what < WHATS; what++) {
#ifndef WITH_LTTNG
		if (what == LTTNG)
			continue;
#endif
		printf("%-15s %6.1f ns %6.2f of rdtsc\n", names[what], of(what),
		       of(what) / of(CLOCK));
	}
	printf("%.1f bytes an event, %llu lost\n",
	       (double)bytes / (THREADS * EVENTS * (double)ROUNDS), (unsigned long long)lost);
	is_slow = of(OFF) > 2;
#ifdef WITH_LTTNG
	is_slow |= of(ON) > of(LTTNG) / 2;
#endif
	return is_slow;
}
