/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A detached thread can never be joined, so nothing orders its writes before main's read.
 *
 * report: data race in log_from_detached, count_lines
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

int lines;

static NOINLINE void log_from_detached(void)
{
	lines++;
}

static NOINLINE int count_lines(void)
{
	return lines;
}

static void *worker(void *arg)
{
	log_from_detached();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_create(&thread, &attr, worker, NULL);
	pthread_attr_destroy(&attr);
	step_wait(1);
	return count_lines() != 1;
}
