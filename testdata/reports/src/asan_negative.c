/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memset with a negative size: `negative-size-param: (size=-1)`.
 * detector: asan
 * cflags: -fno-builtin
 */
#include <stdlib.h>
#include <string.h>

static volatile long size = -1;

static __attribute__((noinline)) void clears(char *p)
{
	memset(p, 0, (size_t)size);
}

int main(void)
{
	char *block = (char *)malloc(10);

	clears(block);
	free(block);
	return 0;
}
