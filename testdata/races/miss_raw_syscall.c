/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel writes into the user's buffer, asked by a raw system call (as io_uring does all day):
 * no interceptor is passed, so nobody notes the write. The control calls read().
 *
 * control: data race in receive, peek
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "step.h"

#ifdef RSH_CONTROL
#define READ(fd, into, n) read(fd, into, n)
#else
#define READ(fd, into, n) syscall(SYS_read, fd, into, n)
#endif

static int ends[2];
char inbox[8];

static NOINLINE long receive(void)
{
	return READ(ends[0], inbox, sizeof(inbox));
}

static NOINLINE char peek(size_t at)
{
	return inbox[at];
}

static void *worker(void *arg)
{
	if (receive() == sizeof(inbox))
		arg = NULL;
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	void *failed;
	char seen;

	if (pipe(ends) != 0 || write(ends[1], "message", 8) != 8)
		return 1;
	pthread_create(&thread, NULL, worker, inbox);
	step_wait(1);
	seen = peek(4);
	pthread_join(thread, &failed);
	return failed != NULL || seen != 'a';
}
