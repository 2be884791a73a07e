/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's reader keeps no race of the user's quiet: increments that are not atomic race with
 * it, and the report names both sides. (On x86 the numbers may look right; nothing says so.)
 *
 * report: data race in rsh_counters_write<write_counters, count_round
 * uninstrumented: ../races/step.c
 */
#include <raceshim/counters.h>
#include <stdio.h>

#define INCREMENT(counter, n) ((counter) += (n))
#include "running.h"

static int print(void *arg, const void *buf, size_t len)
{
	(void)buf;
	return fprintf(arg, "%zu bytes\n", len) < 0;
}

static NOINLINE void write_counters(void)
{
	struct rsh_writer writer = {.write = print, .arg = stdout};

	if (rsh_counters_write(counters, COUNTERS, &writer) != 0)
		puts("failed");
}

int main(void)
{
	return begin(write_counters);
}
