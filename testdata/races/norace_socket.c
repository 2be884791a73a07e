/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send() and recv() over a socket pair hand memory from thread to thread as a lock would.
 * The control passes nothing on.
 *
 * control: data race in write_reply, read_reply
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sys/socket.h>

#include "step.h"

int ends[2];
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
	return send(ends[1], "x", 1, 0) != 1;
}

static int await(void)
{
	char token;

	return recv(ends[0], &token, 1, 0) != 1;
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

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		return 1;
	pthread_create(&thread, NULL, worker, NULL);
	if (await() != 0)
		return 1;
	step_wait(1);
	seen = read_reply();
	pthread_join(thread, &failed);
	return failed != NULL || seen != 200;
}
