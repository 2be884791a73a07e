/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads store the same computed value in a cache: whoever is second writes what is there.
 * The scope nests: a helper with a scope of its own does not end the outer one.
 *
 * control: data race in cache_length, cache_length
 * annotation: RSH_RACE_IGNORE_WRITES_BEGIN RSH_RACE_IGNORE_WRITES_END
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int length, hits, stored;

static void count_hit(void)
{
	PROVE(RSH_RACE_IGNORE_WRITES_BEGIN());
	hidden_add(&hits, 1);
	PROVE(RSH_RACE_IGNORE_WRITES_END());
}

NOINLINE static void cache_length(void)
{
	PROVE(RSH_RACE_IGNORE_WRITES_BEGIN());
	count_hit();
	length = 42; /* after the inner scope's end */
	PROVE(RSH_RACE_IGNORE_WRITES_END());
}

static void *one(void *arg)
{
	cache_length();
	hidden_post(&stored);
	return arg;
}

static void *other(void *arg)
{
	hidden_wait(&stored, 1);
	cache_length();
	return arg;
}

int main(void)
{
	run_two(one, other);
	return length != 42;
}
