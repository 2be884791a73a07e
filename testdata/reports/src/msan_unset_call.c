/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uninitialised bytes are given to a system call: a line before the stack tells which byte.
 * detector: msan
 */
#include <stdlib.h>
#include <unistd.h>

static __attribute__((noinline)) long sends(const char *p)
{
	return write(1, p, 8);
}

int main(void)
{
	char *block = (char *)malloc(8);

	block[0] = 1;
	return sends(block) != 8;
}
