/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A decoder without instrumentation fills a whole struct. _OBJECT covers every field: the race
 * is with a thread that reads the last one.
 *
 * report: data race in decode, read_last
 * control: clean
 * annotation: RSH_RACE_WRITE_OBJECT
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
static int decoded;

NOINLINE static void decode(struct record *record)
{
	static const struct record input = {.id = 1, .last = 2};

	PROVE(RSH_RACE_WRITE_OBJECT(record));
	hidden_copy(record, &input, sizeof(*record));
}

NOINLINE static int read_last(void)
{
	return current.last;
}

static void *decoder(void *arg)
{
	decode(&current);
	hidden_post(&decoded);
	return arg;
}

static void *reader(void *arg)
{
	hidden_wait(&decoded, 1);
	return read_last() ? arg : NULL;
}

int main(void)
{
	run_two(decoder, reader);
	return 0;
}
