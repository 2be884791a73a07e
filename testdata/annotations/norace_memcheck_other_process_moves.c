/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another process copies one block of shared memory to another. RSH_MEM_MOVE copies what Memcheck
 * knows of the bytes; without it the copy counts as undefined.
 *
 * detector: memcheck
 * control: UninitCondition in use_copy
 * annotation: RSH_MEM_MOVE
 */
#include "shared_block.h"

static char *from, *to;

static void copy(void)
{
	for (int i = 0; i < 16; i++)
		to[i] = from[i];
}

NOINLINE static void use_copy(void)
{
	if (to[3] != 'x')
		exit(1);
}

int main(void)
{
	from = new_shared_block(16);
	to = new_shared_block(16);
	for (int i = 0; i < 16; i++)
		from[i] = 'x';
	in_other_process(copy);
	PROVE(RSH_MEM_MOVE(to, from, 16));
	use_copy();
	return 0;
}
