/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another process fills a block of shared memory. Memcheck does not see that and takes the bytes
 * for undefined, until it is told.
 *
 * detector: memcheck
 * control: UninitCondition in use_block
 * annotation: RSH_MEM_WRITE
 */
#include "shared_block.h"

static char *block;

static void fill(void)
{
	for (int i = 0; i < 16; i++)
		block[i] = 'x';
}

NOINLINE static void use_block(void)
{
	if (block[3] != 'x')
		exit(1);
}

int main(void)
{
	block = new_shared_block(16);
	in_other_process(fill);
	PROVE(RSH_MEM_WRITE(block, 16));
	use_block();
	return 0;
}
