/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same at-exit reader with relaxed atomic loads. The control's loads are plain.
 *
 * control: data race in count_round, write_counters
 * stdout: OK
 * uninstrumented: ../races/step.c
 */
#include <stdio.h>

#include "running.h"

#ifdef RSH_CONTROL
#define LOAD(counter) (counter)
#else
#define LOAD(counter) __atomic_load_n(&(counter), __ATOMIC_RELAXED)
#endif

static NOINLINE void write_counters(void)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < COUNTERS; i++)
		sum += LOAD(counters[i]);
	printf("%s\n", sum >= 10 * ROUNDS ? "OK" : "lost");
}

int main(void)
{
	return begin(write_counters);
}
