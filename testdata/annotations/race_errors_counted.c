/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that asks the detector how much it has reported so far: it insists on one report
 * after the first race, and aborts when the number is another. The control has the stand-in of a
 * build that counts nothing.
 *
 * report: data race in put, get
 * control: crash or data race in put, get
 * stdout: 1
 * annotation: RSH_DEFINE_RACE_ERRORS rsh_race_errors
 * uninstrumented: helper_hidden.c
 */
#include <stdio.h>
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

PROVE_OR(RSH_DEFINE_RACE_ERRORS, size_t rsh_race_errors(void) { return 0; })

static int slot, stored;

NOINLINE static void put(void)
{
	slot = 1;
}

NOINLINE static int get(void)
{
	return slot;
}

static void *putter(void *arg)
{
	put();
	hidden_post(&stored);
	return arg;
}

static void *getter(void *arg)
{
	hidden_wait(&stored, 1);
	return get() ? arg : NULL;
}

int main(void)
{
	if (rsh_race_errors() != 0)
		abort();
	run_two(putter, getter);
	if (rsh_race_errors() != 1)
		abort();
	printf("%zu\n", rsh_race_errors());
	return 0;
}
