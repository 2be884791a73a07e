/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scopes of ignored synchronisation nest, and end where the outermost one ends: the hand-off
 * behind it counts again. The control ends the scope only after the hand-off.
 *
 * control: data race in fill_message, use_message
 * annotation: RSH_RACE_IGNORE_SYNC_BEGIN RSH_RACE_IGNORE_SYNC_END
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int message, posted;

NOINLINE static void fill_message(void)
{
	message = 42;
}

NOINLINE static int use_message(void)
{
	return message;
}

static void *producer(void *arg)
{
	RSH_RACE_IGNORE_SYNC_BEGIN();
	RSH_RACE_IGNORE_SYNC_BEGIN();
	RSH_RACE_IGNORE_SYNC_END();
	PROVE(RSH_RACE_IGNORE_SYNC_END());
	fill_message();
	RSH_RACE_RELEASE(&posted);
	hidden_post(&posted);
	PROVE_OR((void)0, RSH_RACE_IGNORE_SYNC_END());
	return arg;
}

static void *consumer(void *arg)
{
	hidden_wait(&posted, 1);
	RSH_RACE_ACQUIRE(&posted);
	return use_message() == 42 ? arg : NULL;
}

int main(void)
{
	run_two(producer, consumer);
	return 0;
}
