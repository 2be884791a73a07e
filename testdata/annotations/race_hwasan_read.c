/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uninstrumented code reads a buffer that was freed. HWASan sees nothing of it until it is told.
 *
 * detector: hwaddress
 * report: tag-mismatch in library_read<use_after_free
 * control: clean
 * annotation: RSH_MEM_READ
 * cflags: -fsanitize-hwaddress-experimental-aliasing
 * uninstrumented: helper_hidden.c
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static volatile size_t done; /* written behind each call: none is a tail call */

NOINLINE static void library_read(const char *data, size_t size)
{
	PROVE(RSH_MEM_READ(data, size));
	done = hidden_sum(data, size);
}

NOINLINE static void use_after_free(char *data)
{
	library_read(data, 6);
	done = 0;
}

int main(void)
{
	char *volatile data = calloc(16, 1); /* volatile: gcc warns of plain use after free */

	free(data);
	use_after_free(data);
	return 0;
}
