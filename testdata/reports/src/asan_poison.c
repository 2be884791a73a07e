/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program itself has poisoned the memory: `use-after-poison`.
 * detector: asan
 */
#include <stdlib.h>

void __asan_poison_memory_region(void const volatile *addr, unsigned long size);

static __attribute__((noinline)) int uses(volatile char *p)
{
	return *p;
}

int main(void)
{
	char *block = (char *)malloc(64);

	__asan_poison_memory_region(block, 64);
	return uses(block);
}
