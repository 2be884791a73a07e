/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * new[] is given back by delete.
 * detector: memcheck
 * compilers: gcc-12 clang-19 clang-14
 */
static int *volatile block;

static __attribute__((noinline)) void gives_back()
{
	operator delete((void *)block);
}

int main()
{
	block = new int[7];
	gives_back();
	return 0;
}
