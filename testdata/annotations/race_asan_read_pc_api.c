/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An API function hands its caller's buffer to uninstrumented code, after the caller has freed
 * it. With the caller's pc the report begins in the caller, whose mistake it is.
 *
 * detector: address
 * report: heap-use-after-free in use_after_free<main
 * control: clean
 * annotation: RSH_MEM_READ_PC
 * uninstrumented: helper_hidden.c
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static volatile size_t done; /* written behind each call: none is a tail call */

NOINLINE static void api_checksum(const char *data, size_t size)
{
	PROVE(RSH_MEM_READ_PC(data, size, __builtin_return_address(0)));
	done = hidden_sum(data, size);
}

NOINLINE static void use_after_free(char *data)
{
	api_checksum(data, 6);
	done = 0;
}

int main(void)
{
	char *volatile data = calloc(16, 1); /* volatile: gcc warns of plain use after free */

	free(data);
	use_after_free(data);
	return 0;
}
