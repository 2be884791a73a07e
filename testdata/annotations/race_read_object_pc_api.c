/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A public function hands its work to an internal one. With the pc form the report shows the
 * public function under its caller, and nothing of the internals, which the user does not know.
 *
 * report: data race in record_put<flush, change_last
 * control: clean
 * annotation: RSH_RACE_READ_OBJECT_PC
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

struct record {
	int id;
	char name[40];
	int last;
};

static struct record current = {.id = 1};
static int flushed;

static unsigned record_put(const struct record *record);

NOINLINE static unsigned put_internal(const struct record *record, void *caller)
{
	PROVE(RSH_RACE_READ_OBJECT_PC(record, caller, record_put));
	(void)caller;
	return hidden_sum(record, sizeof(*record));
}

NOINLINE static unsigned record_put(const struct record *record)
{
	return put_internal(record, __builtin_return_address(0));
}

NOINLINE static unsigned flush(void)
{
	return record_put(&current);
}

NOINLINE static void change_last(void)
{
	current.last = 2;
}

static void *flusher(void *arg)
{
	unsigned sum = flush();

	hidden_post(&flushed);
	return sum ? arg : NULL;
}

static void *changer(void *arg)
{
	hidden_wait(&flushed, 1);
	change_last();
	return arg;
}

int main(void)
{
	run_two(flusher, changer);
	return 0;
}
