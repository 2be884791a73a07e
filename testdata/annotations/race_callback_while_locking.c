/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock calls the user's hook while it waits. Between BEFORE_LOCK and AFTER_LOCK the detector
 * looks away, the lock's own business being there; the callback pair makes it look at the hook.
 *
 * report: data race in count_wait, reset_waits
 * control: clean
 * annotation: RSH_RACE_MUTEX_BEFORE_CALLBACK RSH_RACE_MUTEX_AFTER_CALLBACK
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int mutex, waits, stage;

NOINLINE static void count_wait(void)
{
	waits++;
}

NOINLINE static void reset_waits(void)
{
	waits = 0;
}

static void lock_with_hook(void (*hook)(void))
{
	RSH_RACE_MUTEX_BEFORE_LOCK(&mutex);
	while (!hidden_trylock(&mutex)) {
		PROVE(RSH_RACE_MUTEX_BEFORE_CALLBACK(&mutex));
		hook();
		PROVE(RSH_RACE_MUTEX_AFTER_CALLBACK(&mutex));
		hidden_post(&stage);
		hidden_wait(&stage, 3);
	}
	RSH_RACE_MUTEX_AFTER_LOCK(&mutex);
}

static void *holder(void *arg)
{
	own_lock(&mutex);
	hidden_post(&stage);
	hidden_wait(&stage, 2);
	reset_waits();
	own_unlock(&mutex);
	hidden_post(&stage);
	return arg;
}

static void *waiter(void *arg)
{
	hidden_wait(&stage, 1);
	lock_with_hook(count_wait);
	own_unlock(&mutex);
	return arg;
}

int main(void)
{
	run_two(holder, waiter);
	return 0;
}
