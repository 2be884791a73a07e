/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The producer posts first and writes afterwards: the semaphore is there, the edge is not.
 *
 * report: data race in produce, consume
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <semaphore.h>

#include "step.h"

static sem_t full;
int item;

static NOINLINE void produce(void)
{
	item = 5;
}

static NOINLINE int consume(void)
{
	return item;
}

static void *worker(void *arg)
{
	sem_post(&full);
	produce();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	sem_init(&full, 0, 0);
	pthread_create(&thread, NULL, worker, NULL);
	sem_wait(&full);
	step_wait(1);
	seen = consume();
	pthread_join(thread, NULL);
	sem_destroy(&full);
	return seen != 5;
}
