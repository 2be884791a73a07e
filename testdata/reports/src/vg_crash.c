/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A write through a null pointer: an error, then the fatal signal.
 * detector: helgrind memcheck
 * compilers: gcc-12 clang-19 clang-14
 */
static int *volatile nowhere;

static __attribute__((noinline)) void crashes(void)
{
	*nowhere = 1;
}

int main(void)
{
	crashes();
	return 0;
}
