/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reference counting with a counter that the detector cannot see: every drop happens before the
 * last one, and only the last may tear the object down.
 *
 * control: data race in use_object, tear_down
 * annotation: RSH_RACE_HAPPENS_BEFORE RSH_RACE_HAPPENS_AFTER
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static struct {
	int references;
	int uses;
} object = {.references = 2};
static int first_dropped;

NOINLINE static void use_object(void)
{
	object.uses++;
}

NOINLINE static void tear_down(void)
{
	object.uses = 0;
}

static void drop(void)
{
	PROVE(RSH_RACE_HAPPENS_BEFORE(&object));
	if (hidden_add(&object.references, -1) > 0)
		return;
	PROVE(RSH_RACE_HAPPENS_AFTER(&object));
	tear_down();
}

static void *early(void *arg)
{
	use_object();
	drop();
	hidden_post(&first_dropped);
	return arg;
}

static void *late(void *arg)
{
	hidden_wait(&first_dropped, 1);
	drop();
	return arg;
}

int main(void)
{
	run_two(early, late);
	return 0;
}
