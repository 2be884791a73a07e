/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy between overlapping ranges: two address ranges in the header.
 * detector: asan
 * cflags: -fno-builtin
 */
#include <string.h>

static char text[32] = "0123456789";

static __attribute__((noinline)) void shifts(size_t n)
{
	memcpy(text + 1, text, n);
}

int main(int argc, char **argv)
{
	(void)argv;
	shifts((size_t)argc + 8);
	return 0;
}
