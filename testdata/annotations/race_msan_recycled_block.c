/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator of one's own hands out a block that was used before. To MSan it is initialised, by
 * its former owner; RSH_MEM_MALLOC makes it the garbage that it is to the new one.
 *
 * detector: memory
 * report: use-of-uninitialized-value in read_garbage
 * control: clean
 * annotation: RSH_MEM_MALLOC
 */
#include <stdlib.h>
#include <string.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static char block[64];

static char *pool_alloc(void)
{
	PROVE(RSH_MEM_MALLOC(block, sizeof(block)));
	return block;
}

NOINLINE static void read_garbage(const char *fresh)
{
	if (fresh[3] != 'x')
		exit(1);
}

int main(void)
{
	memset(block, 'x', sizeof(block)); /* the former life */
	read_garbage(pool_alloc());
	return 0;
}
