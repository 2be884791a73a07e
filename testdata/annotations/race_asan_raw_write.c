/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A freed buffer is sent by a raw system call, which no interceptor sees: the kernel reads stale
 * memory and ASan is silent, until it is told of the read.
 *
 * detector: address
 * report: heap-use-after-free in send_reply<answer
 * control: clean
 * annotation: RSH_MEM_READ
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <raceshim/annotate.h>

#include "hidden.h"

NOINLINE static long send_reply(int fd, const char *reply, size_t size)
{
	long n;

	PROVE(RSH_MEM_READ(reply, size));
	n = syscall(SYS_write, fd, reply, size);
	return n;
}

NOINLINE static long answer(int fd, const char *reply)
{
	long n = send_reply(fd, reply, 16);

	return n - 16;
}

int main(void)
{
	char *volatile reply = calloc(16, 1); /* volatile: gcc warns of plain use after free */
	int ends[2];

	if (!reply || pipe(ends))
		return 1;
	free(reply);
	return answer(ends[1], reply) != 0;
}
