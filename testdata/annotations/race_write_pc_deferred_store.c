/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that is asked for here and done later, by an engine thread: the report must name who
 * asked for it, not the engine. _PC takes the asking function and its caller's pc.
 *
 * report: data race in store_later<save_level, read_level
 * control: clean
 * annotation: RSH_RACE_WRITE_PC
 * uninstrumented: helper_hidden.c
 */
#include <stdint.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static struct {
	uint16_t *dst;
	uint16_t value;
	void *caller;
} request;
static uint16_t level;
static int stored;

NOINLINE static void store_later(uint16_t *dst, uint16_t value)
{
	request.dst = dst;
	request.value = value;
	request.caller = __builtin_return_address(0);
}

NOINLINE static void save_level(void)
{
	store_later(&level, 3);
}

NOINLINE static int read_level(void)
{
	return level;
}

static void *engine(void *arg)
{
	PROVE(RSH_RACE_WRITE_PC(request.dst, 2, request.caller, store_later));
	hidden_copy(request.dst, &request.value, sizeof(request.value));
	hidden_post(&stored);
	return arg;
}

static void *reader(void *arg)
{
	hidden_wait(&stored, 1);
	return read_level() ? arg : NULL;
}

int main(void)
{
	save_level();
	run_two(engine, reader);
	return 0;
}
