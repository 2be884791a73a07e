/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block goes back to an allocator of one's own while another thread keeps a pointer into it.
 * The free is an access to the whole block, so the stale read races with it; without the
 * annotation nobody has written the block and nothing is seen.
 *
 * report: data race in pool_free, read_stale
 * control: clean
 * annotation: RSH_RACE_FREE_MEMORY
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static char block[64];
static int freed;

NOINLINE static void pool_free(void)
{
	PROVE(RSH_RACE_FREE_MEMORY(block, sizeof(block)));
}

NOINLINE static int read_stale(void)
{
	return block[40];
}

static void *owner(void *arg)
{
	pool_free();
	hidden_post(&freed);
	return arg;
}

static void *keeper(void *arg)
{
	hidden_wait(&freed, 1);
	return read_stale() ? NULL : arg;
}

int main(void)
{
	run_two(owner, keeper);
	return 0;
}
