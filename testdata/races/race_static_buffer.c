/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A formatter that returns a static buffer, called by two threads: each writes over the other's
 * text.
 *
 * report: data race in format_id, format_id
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <stdio.h>

#include "step.h"

static NOINLINE const char *format_id(int id)
{
	static char text[32];

	snprintf(text, sizeof(text), "id-%d", id);
	return text;
}

static void *worker(void *arg)
{
	arg = (void *)format_id(1);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	const char *mine;
	void *theirs;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	mine = format_id(2);
	pthread_join(thread, &theirs);
	return mine != theirs;
}
