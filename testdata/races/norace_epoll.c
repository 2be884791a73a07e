/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that sleeps in epoll_wait() and then reads the pipe is ordered after the one who wrote
 * to it. The control passes nothing on.
 *
 * control: data race in write_reply, read_reply
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "step.h"

int ends[2], poller;
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
	return write(ends[1], "x", 1) != 1;
}

static int await(void)
{
	struct epoll_event event;
	char token;

	return epoll_wait(poller, &event, 1, -1) != 1 || read(ends[0], &token, 1) != 1;
}
#endif

static int watch(void)
{
	struct epoll_event readable = {.events = EPOLLIN};

	if (pipe(ends) != 0 || (poller = epoll_create1(0)) < 0)
		return 1;
	return epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &readable);
}

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

	if (watch() != 0)
		return 1;
	pthread_create(&thread, NULL, worker, NULL);
	if (await() != 0)
		return 1;
	step_wait(1);
	seen = read_reply();
	pthread_join(thread, &failed);
	return failed != NULL || seen != 200;
}
