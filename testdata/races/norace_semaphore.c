/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sem_post() publishes to the sem_wait() that it lets through. The control waits for nothing.
 *
 * control: data race in produce, consume
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <semaphore.h>

#include "step.h"

sem_t full;

#ifdef RSH_CONTROL
#define POST()
#define WAIT()
#else
#define POST() sem_post(&full)
#define WAIT() sem_wait(&full)
#endif

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
	produce();
	POST();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	sem_init(&full, 0, 0);
	pthread_create(&thread, NULL, worker, NULL);
	WAIT();
	step_wait(1);
	seen = consume();
	pthread_join(thread, NULL);
	sem_destroy(&full);
	return seen != 5;
}
