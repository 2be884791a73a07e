/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is read after it went back to an allocator of one's own. RSH_MEM_FREE makes its bytes
 * garbage; without it the stale read finds what it expects and MSan has nothing to say.
 *
 * detector: memory
 * report: use-of-uninitialized-value in read_stale
 * control: clean
 * annotation: RSH_MEM_FREE
 */
#include <stdlib.h>
#include <string.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static char block[64];

static void pool_free(char *freed)
{
	PROVE(RSH_MEM_FREE(freed, sizeof(block)));
	(void)freed;
}

NOINLINE static void read_stale(const char *stale)
{
	if (stale[3] != 'x')
		exit(1);
}

int main(void)
{
	memset(block, 'x', sizeof(block));
	pool_free(block);
	read_stale(block);
	return 0;
}
