/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An eventfd that counts up in one thread and is read in the other orders the two.
 * The control passes nothing on.
 *
 * control: data race in write_reply, read_reply
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sys/eventfd.h>

#include "step.h"

int counter;
int reply;

#ifdef RSH_CONTROL
static int notify(void)
{
	return 0;
}

static int await(void)
{
	return 0;
}
#else
static int notify(void)
{
	return eventfd_write(counter, 1);
}

static int await(void)
{
	eventfd_t n;

	return eventfd_read(counter, &n);
}
#endif

static NOINLINE void write_reply(void)
{
	reply = 200;
}

static NOINLINE int read_reply(void)
{
	return reply;
}

static void *worker(void *arg)
{
	write_reply();
	if (notify() != 0)
		arg = &reply;
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	void *failed;
	int seen;

	if ((counter = eventfd(0, 0)) < 0)
		return 1;
	pthread_create(&thread, NULL, worker, NULL);
	if (await() != 0)
		return 1;
	step_wait(1);
	seen = read_reply();
	pthread_join(thread, &failed);
	return failed != NULL || seen != 200;
}
