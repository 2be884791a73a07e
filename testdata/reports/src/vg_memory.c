/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memcheck's kinds: an invalid read and write, an invalid free, uninitialised values in a branch,
 * an address and a system call, and a leak.
 * detector: memcheck
 * compilers: gcc-12 clang-19 clang-14
 * cflags: -fno-builtin
 * options: --leak-check=full --track-origins=yes
 */
#include <stdlib.h>
#include <unistd.h>

static char text[32];
static void *volatile kept;

static __attribute__((noinline)) int reads_freed(volatile int *p)
{
	return p[1];
}

static __attribute__((noinline)) void writes_behind(volatile char *p)
{
	p[10] = 1;
}

static __attribute__((noinline)) int decides(const volatile char *p)
{
	if (p[3])
		return 1;
	return 2;
}

static __attribute__((noinline)) int indexes(const volatile unsigned char *p)
{
	return ((volatile char *)text)[p[2] & 15];
}

int main(void)
{
	int *freed = (int *)malloc(16);
	char *raw = (char *)malloc(10);
	int sum;

	free(freed);
	kept = freed;
	sum = reads_freed((volatile int *)kept);
	writes_behind(raw);
	sum += decides(raw) + indexes((unsigned char *)raw);
	if (write(1, raw, 8) > 0)
		sum++;
	free(raw + 1);
	kept = NULL;
	raw = NULL;
	return sum & 0;
}
