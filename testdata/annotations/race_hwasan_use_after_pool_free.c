/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is read after it went back to an allocator of one's own. The arena is one live block
 * to HWASan; RSH_MEM_FREE gives the part that is free a tag that no pointer has.
 *
 * detector: hwaddress
 * report: tag-mismatch in read_stale
 * control: clean
 * annotation: RSH_MEM_FREE
 * cflags: -fsanitize-hwaddress-experimental-aliasing
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
