/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two reports of one process that goes on after the first: no ABORTING.
 * detector: asan
 * cflags: -fsanitize-recover=address
 * options: halt_on_error=0
 */
#include <stdlib.h>

static __attribute__((noinline)) int reads_behind(volatile char *p)
{
	return p[10];
}

static __attribute__((noinline)) int reads_before(volatile char *p)
{
	return p[-1];
}

int main(void)
{
	char *block = (char *)malloc(10);
	int sum = reads_behind(block) + reads_before(block);

	free(block);
	return sum & 0;
}
