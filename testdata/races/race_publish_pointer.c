/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An object is handed over by a plain pointer: the pointer races, and so does the object behind it.
 *
 * report: data race in publish, consume
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

struct job {
	int kind;
};

struct job storage;
struct job *inbox;

static NOINLINE void publish(int kind)
{
	storage.kind = kind;
	inbox = &storage;
}

static NOINLINE int consume(void)
{
	return inbox->kind;
}

static void *worker(void *arg)
{
	publish(6);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int kind;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	kind = consume();
	pthread_join(thread, NULL);
	return kind != 6;
}
