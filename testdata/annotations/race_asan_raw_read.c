/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A raw read system call is given a size that the buffer has not. No interceptor sees it, the
 * kernel writes past the end, and ASan is silent until it is told of the write.
 *
 * detector: address
 * report: heap-buffer-overflow in receive<serve
 * control: clean
 * annotation: RSH_MEM_WRITE
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <raceshim/annotate.h>

#include "hidden.h"

NOINLINE static long receive(int fd, char *buffer, size_t size)
{
	long n;

	PROVE(RSH_MEM_WRITE(buffer, size));
	n = syscall(SYS_read, fd, buffer, size);
	return n;
}

NOINLINE static long serve(int fd, char *buffer)
{
	long n = receive(fd, buffer, 24); /* of 16 */

	return n - 4;
}

int main(void)
{
	char *buffer = malloc(16);
	int ends[2];
	long left;

	if (!buffer || pipe(ends) || write(ends[1], "abcd", 4) != 4)
		return 1;
	left = serve(ends[0], buffer);
	free(buffer);
	return left != 0;
}
