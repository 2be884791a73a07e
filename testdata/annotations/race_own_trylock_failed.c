/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A try-lock fails and its caller goes on all the same: a real race. A failed attempt, annotated
 * as one, is no synchronisation; taken for a success it would be.
 *
 * report: data race in update, update_unlocked
 * control: clean
 * annotation: RSH_RACE_MUTEX_AFTER_TRYLOCK
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int mutex, count, stage;

NOINLINE static void update(void)
{
	count++;
}

NOINLINE static void update_unlocked(void)
{
	int acquired;

	RSH_RACE_MUTEX_BEFORE_TRYLOCK(&mutex);
	acquired = hidden_trylock(&mutex);
	RSH_RACE_MUTEX_AFTER_TRYLOCK(&mutex, PROVE_OR(acquired, 1));
	count++;
	(void)acquired;
}

static void *holder(void *arg)
{
	own_lock(&mutex);
	update();
	own_unlock(&mutex);
	hidden_lock(&mutex); /* held again, behind the detector's back: the try must fail */
	hidden_post(&stage);
	return arg;
}

static void *hasty(void *arg)
{
	hidden_wait(&stage, 1);
	update_unlocked();
	return arg;
}

int main(void)
{
	run_two(holder, hasty);
	return 0;
}
