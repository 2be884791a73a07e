/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is freed twice: `attempting double-free`.
 * detector: asan
 */
#include <stdlib.h>

static char *volatile block;

static __attribute__((noinline)) void frees(void)
{
	free(block);
}

static __attribute__((noinline)) void frees_again(void)
{
	free(block);
}

int main(void)
{
	block = (char *)malloc(10);
	frees();
	frees_again();
	return 0;
}
