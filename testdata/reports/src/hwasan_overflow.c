/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A write behind a heap block whose tag does not match.
 * detector: hwasan
 * machine: yes
 */
#include <stdlib.h>

static __attribute__((noinline)) void writes_behind(volatile char *p)
{
	p[40] = 1;
}

int main(void)
{
	char *block = (char *)malloc(16);

	writes_behind(block);
	free(block);
	return 0;
}
