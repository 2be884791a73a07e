/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message is handed over through a flag that TSan cannot see. Release before the post and
 * acquire after the wait tell it the order; without them it reports a race that is none.
 *
 * control: data race in fill_message, use_message
 * annotation: RSH_RACE_RELEASE RSH_RACE_ACQUIRE
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
	fill_message();
	PROVE(RSH_RACE_RELEASE(&posted));
	hidden_post(&posted);
	return arg;
}

static void *consumer(void *arg)
{
	hidden_wait(&posted, 1);
	PROVE(RSH_RACE_ACQUIRE(&posted));
	return use_message() == 42 ? arg : NULL;
}

int main(void)
{
	run_two(producer, consumer);
	return 0;
}
