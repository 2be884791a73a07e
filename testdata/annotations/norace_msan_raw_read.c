/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel fills a buffer: a raw read system call, as io_uring and runtimes of other languages
 * make it, passes no interceptor. MSan takes the bytes for uninitialised until it is told.
 *
 * detector: memory
 * control: use-of-uninitialized-value in handle_request
 * annotation: RSH_MEM_WRITE
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <raceshim/annotate.h>

#include "hidden.h"

NOINLINE static void handle_request(const char *request)
{
	if (request[0] != 'q')
		exit(1);
}

int main(void)
{
	char request[16];
	int ends[2];
	long n;

	if (pipe(ends) || write(ends[1], "quit", 5) != 5)
		return 1;
	n = syscall(SYS_read, ends[0], request, sizeof(request));
	PROVE(RSH_MEM_WRITE(request, (size_t)n));
	handle_request(request);
	return n != 5;
}
