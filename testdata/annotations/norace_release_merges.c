/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two producers that know nothing of each other, one consumer who waits for both. The second
 * release joins the first one and does not replace it: one acquire sees both. The control
 * leaves out the first producer's.
 *
 * control: data race in fill_left, use_both
 * annotation: RSH_RACE_RELEASE
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int left, right, posted;

NOINLINE static void fill_left(void)
{
	left = 1;
}

NOINLINE static void fill_right(void)
{
	right = 1;
}

NOINLINE static int use_both(void)
{
	return left + right;
}

static void *left_producer(void *arg)
{
	fill_left();
	PROVE(RSH_RACE_RELEASE(&posted));
	hidden_post(&posted);
	return arg;
}

static void *right_producer(void *arg)
{
	hidden_wait(&posted, 1);
	fill_right();
	RSH_RACE_RELEASE(&posted);
	hidden_post(&posted);
	return arg;
}

static void *consumer(void *arg)
{
	hidden_wait(&posted, 2);
	RSH_RACE_ACQUIRE(&posted);
	return use_both() == 2 ? arg : NULL;
}

int main(void)
{
	run_three(left_producer, right_producer, consumer);
	return 0;
}
