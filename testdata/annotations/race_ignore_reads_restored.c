/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ignore scope ends where it ends: a racy read behind it is reported. The control ends the
 * scope only after that read.
 *
 * report: data race in advance, read_unguarded
 * control: clean
 * annotation: RSH_RACE_IGNORE_READS_END
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int done, advanced;

NOINLINE static void advance(void)
{
	done++;
}

NOINLINE static int read_unguarded(void)
{
	return done;
}

static void *worker(void *arg)
{
	advance();
	hidden_post(&advanced);
	return arg;
}

static void *display(void *arg)
{
	int seen;

	hidden_wait(&advanced, 1);
	RSH_RACE_IGNORE_READS_BEGIN();
	seen = done;
	PROVE(RSH_RACE_IGNORE_READS_END());
	seen += read_unguarded();
	PROVE_OR((void)0, RSH_RACE_IGNORE_READS_END());
	return seen ? arg : NULL;
}

int main(void)
{
	run_two(worker, display);
	return 0;
}
