/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An API function hands its caller's half-filled block to another process, and checks it on
 * behalf of the caller.
 *
 * detector: memcheck
 * report: ClientCheck in publish<publish_half_filled
 * control: clean
 * annotation: RSH_MEM_READ_PC
 */
#include "shared_block.h"

static volatile int published;

NOINLINE static void publish(const char *block, size_t size)
{
	PROVE(RSH_MEM_READ_PC(block, size, __builtin_return_address(0)));
	published = 1; /* from here on the other process reads all of it */
	(void)block;
	(void)size;
}

NOINLINE static void publish_half_filled(char *block)
{
	for (int i = 0; i < 8; i++)
		block[i] = 'x';
	publish(block, 16);
	published = 2; /* not a tail call */
}

int main(void)
{
	publish_half_filled(new_shared_block(16));
	return 0;
}
