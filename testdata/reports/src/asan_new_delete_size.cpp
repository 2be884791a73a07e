/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delete is told another size than new: `new-delete-type-mismatch`.
 * detector: asan
 * cflags: -fsized-deallocation
 */
#include <new>

static void *volatile block;

static __attribute__((noinline)) void gives_back()
{
	operator delete(block, (std::size_t)8);
}

int main()
{
	block = operator new(20);
	gives_back();
	return 0;
}
