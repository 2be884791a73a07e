/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is used after its own thread has freed it.
 */
#include <stdlib.h>

static __attribute__((noinline)) void drops(int *p)
{
	free(p);
}

int main(void)
{
	int *volatile p = (int *)malloc(40);

	drops(p);
	return *(volatile int *)p & 0;
}
