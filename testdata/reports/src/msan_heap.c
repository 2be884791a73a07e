/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A branch on a heap byte that nobody has written, with the block's origin.
 * detector: msan
 * machine: yes
 */
#include <stdlib.h>

static volatile int looked;

static __attribute__((noinline)) int decides(const char *p)
{
	if (p[3])
		looked++;
	return 2;
}

int main(void)
{
	char *block = (char *)malloc(8);
	int way = decides(block);

	free(block);
	return way == 3;
}
