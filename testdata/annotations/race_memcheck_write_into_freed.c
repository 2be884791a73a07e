/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A freed block is given to another process to fill. Memcheck sees no access of this one's, until
 * it is told that there will be one.
 *
 * detector: memcheck
 * report: ClientCheck in offer
 * control: clean
 * annotation: RSH_MEM_WRITE
 */
#include "shared_block.h"

NOINLINE static void offer(char *block, size_t size)
{
	PROVE(RSH_MEM_WRITE(block, size));
	/* from here on the other process writes all of it */
	(void)block;
	(void)size;
}

int main(void)
{
	char *volatile block = malloc(16); /* volatile: gcc warns of plain use after free */

	free(block);
	offer(block, 16);
	return 0;
}
