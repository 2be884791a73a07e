/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two mutexes of one's own, taken in both orders: a deadlock that waits for its day. The lock
 * annotations give TSan's deadlock detector what it needs; without them it sees no mutex.
 *
 * report: lock-order-inversion (potential deadlock) in left_then_right, right_then_left
 * control: clean
 * annotation: RSH_RACE_MUTEX_BEFORE_LOCK RSH_RACE_MUTEX_AFTER_LOCK
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int left, right, first_done;

static void own_lock(int *mutex)
{
	PROVE(RSH_RACE_MUTEX_BEFORE_LOCK(mutex));
	hidden_lock(mutex);
	PROVE(RSH_RACE_MUTEX_AFTER_LOCK(mutex));
}

static void own_unlock(int *mutex)
{
	PROVE(RSH_RACE_MUTEX_BEFORE_UNLOCK(mutex));
	hidden_unlock(mutex);
	PROVE(RSH_RACE_MUTEX_AFTER_UNLOCK(mutex));
}

NOINLINE static void left_then_right(void)
{
	own_lock(&left);
	own_lock(&right);
	own_unlock(&right);
	own_unlock(&left);
}

NOINLINE static void right_then_left(void)
{
	own_lock(&right);
	own_lock(&left);
	own_unlock(&left);
	own_unlock(&right);
}

static void *one(void *arg)
{
	left_then_right();
	hidden_post(&first_done);
	return arg;
}

static void *other(void *arg)
{
	hidden_wait(&first_done, 1);
	right_then_left();
	return arg;
}

int main(void)
{
	run_two(one, other);
	return 0;
}
