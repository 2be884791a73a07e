/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator of one's own hands out a block of a forbidden arena: RSH_MEM_MALLOC allows it.
 * Without it the new owner's first access is reported.
 *
 * detector: address
 * control: use-after-poison in write_fresh
 * annotation: RSH_MEM_MALLOC
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static volatile int written;

enum { BLOCK = 64 };

static char *pool_alloc(char *arena)
{
	PROVE(RSH_MEM_MALLOC(arena + BLOCK, BLOCK));
	return arena + BLOCK;
}

NOINLINE static void write_fresh(char *block)
{
	written = 1;
	block[40] = 1;
}

int main(void)
{
	char *arena = calloc(4, BLOCK);

	if (!arena)
		return 1;
	RSH_MEM_FREE(arena, 4 * BLOCK); /* all of it is free at first */
	write_fresh(pool_alloc(arena));
	RSH_MEM_MALLOC(arena, 4 * BLOCK);
	free(arena);
	return 0;
}
