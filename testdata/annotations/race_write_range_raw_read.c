/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel fills a buffer: a raw read system call, as io_uring and runtimes of other languages
 * make it, passes no interceptor. TSan misses the race with a thread that looks into the buffer.
 *
 * report: data race in receive, peek
 * control: clean
 * annotation: RSH_RACE_WRITE_RANGE
 * uninstrumented: helper_hidden.c
 */
#include <sys/syscall.h>
#include <unistd.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static char buffer[100];
static int pipe_ends[2], received;

NOINLINE static long receive(void)
{
	PROVE(RSH_RACE_WRITE_RANGE(buffer, sizeof(buffer)));
	return syscall(SYS_read, pipe_ends[0], buffer, sizeof(buffer));
}

NOINLINE static int peek(void)
{
	return buffer[99];
}

static void *receiver(void *arg)
{
	long n = receive();

	hidden_post(&received);
	return n == 100 ? arg : NULL;
}

static void *peeker(void *arg)
{
	hidden_wait(&received, 1);
	return peek() ? arg : NULL;
}

int main(void)
{
	static const char message[100] = "hello";

	if (pipe(pipe_ends) || write(pipe_ends[1], message, sizeof(message)) != sizeof(message))
		return 1;
	run_two(receiver, peeker);
	return 0;
}
