/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A crash handler dumps a buffer of which a part may be forbidden. RSH_MEM_CHECK tells it where
 * the good part ends and reports nothing; whoever reads all of it is reported.
 *
 * detector: address
 * control: use-after-poison in dump
 * annotation: RSH_MEM_CHECK
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

NOINLINE static unsigned dump(const char *bytes, ptrdiff_t size)
{
	unsigned sum = 0;

	for (ptrdiff_t i = 0; i < size; i++)
		sum += (unsigned char)bytes[i];
	return sum;
}

int main(void)
{
	char *buffer = calloc(64, 1);
	ptrdiff_t good;
	unsigned sum;

	if (!buffer)
		return 1;
	RSH_MEM_POISON(buffer + 32, 32);
	good = PROVE_OR(RSH_MEM_CHECK(buffer, 64), -1);
	if (good < 0)
		good = 64;
	sum = dump(buffer, good);
	RSH_MEM_UNPOISON(buffer + 32, 32);
	free(buffer);
	return sum != 0;
}
