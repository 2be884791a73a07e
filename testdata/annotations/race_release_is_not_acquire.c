/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A release is no acquire: who only releases learns nothing of the others, and its read of
 * their data is a race. The exchange's stronger annotation in its place would hide that.
 *
 * report: data race in write_first, read_first
 * control: clean
 * annotation: RSH_RACE_RELEASE
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int first, posted;

NOINLINE static void write_first(void)
{
	first = 1;
}

NOINLINE static int read_first(void)
{
	return first;
}

static void *one(void *arg)
{
	write_first();
	RSH_RACE_RELEASE(&posted);
	hidden_post(&posted);
	return arg;
}

static void *other(void *arg)
{
	hidden_wait(&posted, 1);
	PROVE_OR(RSH_RACE_RELEASE(&posted), RSH_RACE_RELEASE_ACQUIRE(&posted));
	return read_first() ? arg : NULL;
}

int main(void)
{
	run_two(one, other);
	return 0;
}
