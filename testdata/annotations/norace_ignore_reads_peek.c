/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A progress display peeks at a counter without a lock, and a stale value does not matter. The
 * scope nests: a helper with a scope of its own does not end the outer one.
 *
 * control: data race in advance, peek
 * annotation: RSH_RACE_IGNORE_READS_BEGIN RSH_RACE_IGNORE_READS_END
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int done, total = 10, advanced;

NOINLINE static void advance(void)
{
	done++;
}

static int peek_total(void)
{
	int n;

	PROVE(RSH_RACE_IGNORE_READS_BEGIN());
	n = total;
	PROVE(RSH_RACE_IGNORE_READS_END());
	return n;
}

NOINLINE static int peek(void)
{
	int percent;

	PROVE(RSH_RACE_IGNORE_READS_BEGIN());
	percent = peek_total();
	percent = 100 * done / percent; /* after the inner scope's end */
	PROVE(RSH_RACE_IGNORE_READS_END());
	return percent;
}

static void *worker(void *arg)
{
	advance();
	hidden_post(&advanced);
	return arg;
}

static void *display(void *arg)
{
	hidden_wait(&advanced, 1);
	return peek() ? arg : NULL;
}

int main(void)
{
	run_two(worker, display);
	return 0;
}
