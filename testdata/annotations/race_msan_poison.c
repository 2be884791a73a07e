/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cache entry has expired: nobody may use its bytes any more. RSH_MEM_POISON says so to MSan.
 *
 * detector: memory
 * report: use-of-uninitialized-value in use_expired
 * control: clean
 * annotation: RSH_MEM_POISON
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static int entry = 42;

NOINLINE static void expire(void)
{
	PROVE(RSH_MEM_POISON(&entry, sizeof(entry)));
}

NOINLINE static void use_expired(void)
{
	if (entry != 42)
		exit(1);
}

int main(void)
{
	expire();
	use_expired();
	return 0;
}
