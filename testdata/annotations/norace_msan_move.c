/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uninstrumented code copies an initialised record. RSH_MEM_MOVE copies what MSan knows of the
 * bytes; without it the copy counts as uninitialised.
 *
 * detector: memory
 * control: use-of-uninitialized-value in use_copy
 * annotation: RSH_MEM_MOVE
 * uninstrumented: helper_hidden.c
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

NOINLINE static void use_copy(const int *copy)
{
	if (copy[1] != 2)
		exit(1);
}

int main(void)
{
	volatile int original[2] = {1, 2};
	int copy[2];

	hidden_copy(copy, (const void *)original, sizeof(copy));
	PROVE(RSH_MEM_MOVE(copy, original, sizeof(copy)));
	use_copy(copy);
	return 0;
}
