/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * new[] is given back by delete: `alloc-dealloc-mismatch (operator new [] vs operator delete)`.
 * detector: asan
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
