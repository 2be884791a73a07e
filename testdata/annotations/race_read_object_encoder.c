/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An encoder without instrumentation reads a whole struct. _OBJECT covers every field: the race
 * is with a thread that changes the last one.
 *
 * report: data race in encode, change_last
 * control: clean
 * annotation: RSH_RACE_READ_OBJECT
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
static int encoded;

NOINLINE static unsigned encode(const struct record *record)
{
	PROVE(RSH_RACE_READ_OBJECT(record));
	return hidden_sum(record, sizeof(*record));
}

NOINLINE static void change_last(void)
{
	current.last = 2;
}

static void *encoder(void *arg)
{
	unsigned sum = encode(&current);

	hidden_post(&encoded);
	return sum ? arg : NULL;
}

static void *changer(void *arg)
{
	hidden_wait(&encoded, 1);
	change_last();
	return arg;
}

int main(void)
{
	run_two(encoder, changer);
	return 0;
}
