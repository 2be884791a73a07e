/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A public function hands its work to an internal one. With the pc form the report shows the
 * public function under its caller, and nothing of the internals, which the user does not know.
 *
 * report: data race in record_get<refresh, read_last
 * control: clean
 * annotation: RSH_RACE_WRITE_OBJECT_PC
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

struct record {
	int id;
	char name[40];
	int last;
};

static struct record current;
static int filled;

static void record_get(struct record *record);

NOINLINE static void get_internal(struct record *record, void *caller)
{
	static const struct record input = {.id = 1, .last = 2};

	PROVE(RSH_RACE_WRITE_OBJECT_PC(record, caller, record_get));
	(void)caller;
	hidden_copy(record, &input, sizeof(*record));
}

NOINLINE static void record_get(struct record *record)
{
	get_internal(record, __builtin_return_address(0));
}

NOINLINE static void refresh(void)
{
	record_get(&current);
}

NOINLINE static int read_last(void)
{
	return current.last;
}

static void *refresher(void *arg)
{
	refresh();
	hidden_post(&filled);
	return arg;
}

static void *reader(void *arg)
{
	hidden_wait(&filled, 1);
	return read_last() ? arg : NULL;
}

int main(void)
{
	run_two(refresher, reader);
	return 0;
}
