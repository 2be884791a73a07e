/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel reads a buffer: a raw write system call passes no interceptor. TSan misses the race
 * with a thread that reuses the buffer while the write is under way.
 *
 * report: data race in transmit, reuse
 * control: clean
 * annotation: RSH_RACE_READ_RANGE
 * uninstrumented: helper_hidden.c
 */
#include <sys/syscall.h>
#include <unistd.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static char buffer[100];
static int pipe_ends[2], sent;

NOINLINE static long transmit(void)
{
	PROVE(RSH_RACE_READ_RANGE(buffer, sizeof(buffer)));
	return syscall(SYS_write, pipe_ends[1], buffer, sizeof(buffer));
}

NOINLINE static void reuse(void)
{
	buffer[99] = 'x';
}

static void *sender(void *arg)
{
	long n = transmit();

	hidden_post(&sent);
	return n == 100 ? arg : NULL;
}

static void *reuser(void *arg)
{
	hidden_wait(&sent, 1);
	reuse();
	return arg;
}

int main(void)
{
	if (pipe(pipe_ends))
		return 1;
	run_two(sender, reuser);
	return 0;
}
