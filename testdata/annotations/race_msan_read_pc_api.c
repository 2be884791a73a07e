/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An API function hands its caller's buffer to uninstrumented code. It checks it on behalf of the
 * caller, who passed an array of which he had set the first half.
 *
 * detector: memory
 * report: use-of-uninitialized-value in checksum<send_half_filled
 * control: clean
 * annotation: RSH_MEM_READ_PC
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

NOINLINE static unsigned checksum(const char *data, size_t size)
{
	unsigned sum;

	PROVE(RSH_MEM_READ_PC(data, size, __builtin_return_address(0)));
	sum = hidden_sum(data, size);
	return sum;
}

NOINLINE static unsigned send_half_filled(void)
{
	char data[32];
	unsigned sum;

	for (int i = 0; i < 16; i++)
		data[i] = 1;
	sum = checksum(data, sizeof(data));
	return sum;
}

int main(void)
{
	return send_half_filled() < 16;
}
