/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load that is asked for here and done later, by an engine thread. Without a caller's pc the
 * access is still attributed to the asking function, which then is the only frame pushed.
 *
 * report: data race in load_later, write_key
 * control: clean
 * annotation: RSH_RACE_READ_PC
 * uninstrumented: helper_hidden.c
 */
#include <stdint.h>
#include <string.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static uint8_t key[16];
static const uint8_t *request;
static int loaded;

NOINLINE static void load_later(const uint8_t *src)
{
	request = src;
}

NOINLINE static void write_key(void)
{
	key[15] = 1;
}

static void *engine(void *arg)
{
	PROVE(RSH_RACE_READ_PC(request, 16, NULL, load_later));
	arg = hidden_sum(request, sizeof(key)) ? NULL : arg;
	hidden_post(&loaded);
	return arg;
}

static void *writer(void *arg)
{
	hidden_wait(&loaded, 1);
	write_key();
	return arg;
}

int main(void)
{
	load_later(key);
	run_two(engine, writer);
	return 0;
}
