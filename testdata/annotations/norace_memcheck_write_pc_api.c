/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An API function has another process fill its caller's block, and says so on behalf of the
 * caller. Memcheck does not see the other process and takes the bytes for undefined.
 *
 * detector: memcheck
 * control: UninitCondition in use_answer
 * annotation: RSH_MEM_WRITE_PC
 */
#include "shared_block.h"

static char *block;

static void fill(void)
{
	for (int i = 0; i < 16; i++)
		block[i] = 'x';
}

NOINLINE static void get_answer(void)
{
	in_other_process(fill);
	PROVE(RSH_MEM_WRITE_PC(block, 16, __builtin_return_address(0)));
}

NOINLINE static void use_answer(void)
{
	get_answer();
	if (block[3] != 'x')
		exit(1);
}

int main(void)
{
	block = new_shared_block(16);
	use_answer();
	return 0;
}
