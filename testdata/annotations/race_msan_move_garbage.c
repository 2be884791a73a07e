/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uninstrumented code copies a record that nobody has set. RSH_MEM_MOVE lets the garbage stay
 * garbage; declared a write instead, as if the code computed the bytes, it would be hidden.
 *
 * detector: memory
 * report: use-of-uninitialized-value in use_copy
 * control: clean
 * annotation: RSH_MEM_MOVE
 * uninstrumented: helper_hidden.c
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static volatile int odd;

NOINLINE static void use_copy(const char *copy)
{
	if (copy[1] & 1)
		odd = 1;
}

int main(void)
{
	char *original = malloc(16), *copy = calloc(16, 1);

	if (!original || !copy)
		return 1;
	hidden_copy(copy, original, 16);
	PROVE_OR(RSH_MEM_MOVE(copy, original, 16), RSH_MEM_WRITE(copy, 16));
	use_copy(copy);
	free(original);
	free(copy);
	return 0;
}
