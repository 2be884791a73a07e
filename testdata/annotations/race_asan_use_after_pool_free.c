/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is read after it went back to an allocator of one's own. The arena is one live block
 * to ASan; RSH_MEM_FREE forbids the part that is free.
 *
 * detector: address
 * report: use-after-poison in read_stale
 * control: clean
 * annotation: RSH_MEM_FREE
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static volatile int seen;

enum { BLOCK = 64 };

NOINLINE static void pool_free(char *block)
{
	PROVE(RSH_MEM_FREE(block, BLOCK));
	(void)block;
}

NOINLINE static void read_stale(const char *block)
{
	seen = 0;
	seen = block[40];
}

int main(void)
{
	char *arena = calloc(4, BLOCK);

	if (!arena)
		return 1;
	pool_free(arena + BLOCK);
	read_stale(arena + BLOCK);
	free(arena);
	return seen;
}
