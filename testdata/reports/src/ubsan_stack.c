/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Undefined behaviour with a stack.
 * detector: ubsan
 * options: print_stacktrace=1
 * machine: yes
 */
#include <limits.h>

static volatile int big = INT_MAX;

static __attribute__((noinline)) int adds(int a)
{
	return a + 1;
}

int main(void)
{
	return adds(big) == 0;
}
