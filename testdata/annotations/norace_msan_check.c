/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A core-dump writer sends what there is of a half-filled buffer. RSH_MEM_CHECK tells it how far
 * the buffer is initialised and reports nothing; whoever sends all of it is reported.
 *
 * detector: memory
 * control: use-of-uninitialized-value in send_bytes
 * annotation: RSH_MEM_CHECK
 */
#include <sys/syscall.h>
#include <unistd.h>

#include <raceshim/annotate.h>

#include "hidden.h"

NOINLINE static long send_bytes(int fd, const char *bytes, size_t size)
{
	RSH_MEM_READ(bytes, size);
	return syscall(SYS_write, fd, bytes, size);
}

int main(void)
{
	char half_filled[32];
	ptrdiff_t good;
	int ends[2];

	if (pipe(ends))
		return 1;
	for (int i = 0; i < 16; i++)
		half_filled[i] = 'x';
	good = PROVE_OR(RSH_MEM_CHECK(half_filled, sizeof(half_filled)), -1);
	if (good < 0)
		good = sizeof(half_filled);
	return send_bytes(ends[1], half_filled, (size_t)good) != 16;
}
