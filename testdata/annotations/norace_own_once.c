/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One-time initialisation behind a flag that the detector cannot see: the initialiser is done
 * before anybody who sees the flag goes on.
 *
 * control: data race in initialise, use_table
 * annotation: RSH_RACE_ONCE_DONE RSH_RACE_ONCE_SEEN
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int once, claimed, table;

NOINLINE static void initialise(void)
{
	table = 42;
}

NOINLINE static int use_table(void)
{
	return table;
}

static void initialise_once(void)
{
	if (hidden_add(&claimed, 1) == 1) {
		initialise();
		PROVE(RSH_RACE_ONCE_DONE(&once));
		hidden_post(&once);
		return;
	}
	hidden_wait(&once, 1);
	PROVE(RSH_RACE_ONCE_SEEN(&once));
}

static void *user(void *arg)
{
	initialise_once();
	return use_table() == 42 ? arg : NULL;
}

int main(void)
{
	run_two(user, user);
	return 0;
}
