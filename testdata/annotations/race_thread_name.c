/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's name in the report. A program that reads its own reports insists on the name: it
 * aborts when TSan reports a race in which no thread of that name takes part.
 *
 * report: data race in fill_queue, drain_queue
 * control: crash or data race in fill_queue, drain_queue
 * stdout: queue filler
 * annotation: RSH_RACE_THREAD_NAME
 * uninstrumented: helper_hidden.c helper_on_report.c
 */
#include <stdio.h>

#include <raceshim/annotate.h>

#include "hidden.h"
#include "on_report.h"

static int queue, filled;

NOINLINE static void fill_queue(void)
{
	queue = 1;
}

NOINLINE static void drain_queue(void)
{
	queue = 0;
}

static void *filler(void *arg)
{
	PROVE(RSH_RACE_THREAD_NAME("queue filler"));
	fill_queue();
	hidden_post(&filled);
	return arg;
}

static void *drainer(void *arg)
{
	hidden_wait(&filled, 1);
	drain_queue();
	return arg;
}

int main(void)
{
	insist_on_thread("queue filler");
	run_two(filler, drainer);
	puts(found_in_report());
	return queue;
}
