/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The race is on a path that this run does not take: a dynamic detector judges what it has seen,
 * nothing else. The control takes the path.
 *
 * control: data race in report_error, read_errors
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
enum { DISK_FULL = 1 };
#else
enum { DISK_FULL = 0 };
#endif

int errors;

static NOINLINE int save(void)
{
	return DISK_FULL ? -1 : 0;
}

static NOINLINE void report_error(void)
{
	errors++;
}

static NOINLINE int read_errors(void)
{
	return errors;
}

static void *worker(void *arg)
{
	if (save() < 0)
		report_error();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = read_errors();
	pthread_join(thread, NULL);
	return seen != DISK_FULL;
}
