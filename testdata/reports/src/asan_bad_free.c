/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pointer into a block is freed: `attempting free on address which was not malloc()-ed`.
 * detector: asan
 */
#include <stdlib.h>

static char *volatile block;

static __attribute__((noinline)) void frees_inside(void)
{
	free(block + 1);
}

int main(void)
{
	block = (char *)malloc(10);
	frees_inside();
	return 0;
}
