/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An API function has uninstrumented code fill its caller's buffer, after the caller has freed
 * it. With the caller's pc the report begins in the caller, whose mistake it is.
 *
 * detector: address
 * report: heap-use-after-free in use_after_free<main
 * control: clean
 * annotation: RSH_MEM_WRITE_PC
 * uninstrumented: helper_hidden.c
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static volatile size_t done; /* written behind each call: none is a tail call */

NOINLINE static void api_fill(char *data, size_t size)
{
	PROVE(RSH_MEM_WRITE_PC(data, size, __builtin_return_address(0)));
	hidden_copy(data, "filled", size);
	done = size;
}

NOINLINE static void use_after_free(char *data)
{
	api_fill(data, 6);
	done = 0;
}

int main(void)
{
	char *volatile data = calloc(16, 1); /* volatile: gcc warns of plain use after free */

	free(data);
	use_after_free(data);
	return 0;
}
