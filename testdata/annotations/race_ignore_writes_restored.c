/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ignore scope ends where it ends: a racy write behind it is reported. The control ends the
 * scope only after that write.
 *
 * report: data race in write_unguarded, write_second
 * control: clean
 * annotation: RSH_RACE_IGNORE_WRITES_END
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int cached, value, stored;

NOINLINE static void write_unguarded(void)
{
	value = 1;
}

NOINLINE static void write_second(void)
{
	value = 2;
}

static void *one(void *arg)
{
	RSH_RACE_IGNORE_WRITES_BEGIN();
	cached = 42;
	PROVE(RSH_RACE_IGNORE_WRITES_END());
	write_unguarded();
	PROVE_OR((void)0, RSH_RACE_IGNORE_WRITES_END());
	hidden_post(&stored);
	return arg;
}

static void *other(void *arg)
{
	hidden_wait(&stored, 1);
	write_second();
	return arg;
}

int main(void)
{
	run_two(one, other);
	return cached + value != 44;
}
