/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread frees the object, another still reads it. The detector knows the block is dead and
 * calls it by its own name.
 *
 * report: heap-use-after-free in read_session, drop_session
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <stdlib.h>

#include "step.h"

struct session {
	long id;
	long bytes;
};

struct session *session;

static NOINLINE void drop_session(void)
{
	free(session);
}

static NOINLINE long read_session(void)
{
	return session->bytes;
}

static void *worker(void *arg)
{
	drop_session();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	long bytes;

	session = calloc(1, sizeof(*session));
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	bytes = read_session();
	pthread_join(thread, NULL);
	return bytes == -1;
}
