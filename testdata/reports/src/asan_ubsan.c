/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both sanitizers in one process: a line of one, then a report of the other.
 * detector: asan
 * cflags: -fsanitize=undefined
 */
#include <limits.h>
#include <stdlib.h>

static volatile int big = INT_MAX;

static __attribute__((noinline)) int adds(int a)
{
	return a + 1;
}

static __attribute__((noinline)) int reads_behind(volatile char *p)
{
	return p[10];
}

int main(void)
{
	char *block = (char *)malloc(10);

	return (adds(big) == 0) + reads_behind(block);
}
