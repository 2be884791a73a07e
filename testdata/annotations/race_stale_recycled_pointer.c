/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is recycled while a thread keeps a pointer from its former life. The new owner has
 * not touched it yet: it is RSH_RACE_NEW_MEMORY that makes the stale write a race.
 *
 * report: data race in pool_alloc, write_stale
 * control: clean
 * annotation: RSH_RACE_NEW_MEMORY
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static char block[64];
static int recycled;

NOINLINE static void pool_alloc(void)
{
	PROVE(RSH_RACE_NEW_MEMORY(block, sizeof(block)));
}

NOINLINE static void write_stale(void)
{
	block[40] = 1;
}

static void *owner(void *arg)
{
	pool_alloc();
	hidden_post(&recycled);
	return arg;
}

static void *keeper(void *arg)
{
	hidden_wait(&recycled, 1);
	write_stale();
	return arg;
}

int main(void)
{
	run_two(owner, keeper);
	return 0;
}
