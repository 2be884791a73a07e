/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A half-filled block of shared memory goes to another process. Memcheck sees no read of the
 * undefined half, until it is told that there will be one.
 *
 * detector: memcheck
 * report: ClientCheck in publish
 * control: clean
 * annotation: RSH_MEM_READ
 */
#include "shared_block.h"

static char *block;

NOINLINE static void publish(void)
{
	PROVE(RSH_MEM_READ(block, 16));
	/* from here on the other process reads all 16 bytes */
}

int main(void)
{
	block = new_shared_block(16);
	for (int i = 0; i < 8; i++)
		block[i] = 'x';
	publish();
	return 0;
}
