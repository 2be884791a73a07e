/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator of one's own hands a freed block to another thread through a free list that the
 * detector cannot see. The two owners have nothing to do with each other.
 *
 * control: data race in first_life, second_life
 * annotation: RSH_RACE_NEW_MEMORY RSH_RACE_FREE_MEMORY
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

enum { BLOCK = 64 };

static char arena[BLOCK];
static void *free_list = arena;
static int freed;

static char *pool_alloc(void)
{
	char *block = hidden_exchange(&free_list, NULL);

	PROVE(RSH_RACE_NEW_MEMORY(block, BLOCK));
	return block;
}

static void pool_free(char *block)
{
	PROVE(RSH_RACE_FREE_MEMORY(block, BLOCK));
	hidden_exchange(&free_list, block);
}

NOINLINE static void first_life(char *block)
{
	block[7] = 1;
}

NOINLINE static void second_life(char *block)
{
	block[7] = 2;
}

static void *first(void *arg)
{
	char *block = pool_alloc();

	first_life(block);
	pool_free(block);
	hidden_post(&freed);
	return arg;
}

static void *second(void *arg)
{
	char *block;

	hidden_wait(&freed, 1);
	block = pool_alloc();
	second_life(block);
	pool_free(block);
	return arg;
}

int main(void)
{
	run_two(first, second);
	return 0;
}
