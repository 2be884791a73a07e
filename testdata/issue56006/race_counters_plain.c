/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread increments counters, main returns, and at-exit code reads them with plain loads to write
 * them out. The increments are atomic; the reader is not.
 *
 * report: data race in count_round, write_counters
 * uninstrumented: ../races/step.c
 */
#include <stdio.h>

#include "running.h"

static NOINLINE void write_counters(void)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < COUNTERS; i++)
		sum += counters[i];
	printf("%s\n", sum >= 10 * ROUNDS ? "OK" : "lost");
}

int main(void)
{
	return begin(write_counters);
}
