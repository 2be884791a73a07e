/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A try-lock that fails once and succeeds once. The failure makes no edge and takes no lock, the
 * success is an ordinary lock; without the annotation its critical section is a race.
 *
 * control: data race in fill_queue, drain_queue
 * annotation: RSH_RACE_MUTEX_BEFORE_TRYLOCK RSH_RACE_MUTEX_AFTER_TRYLOCK
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int mutex, queue, turn;

static int own_trylock(void)
{
	int acquired;

	PROVE(RSH_RACE_MUTEX_BEFORE_TRYLOCK(&mutex));
	acquired = hidden_trylock(&mutex);
	PROVE(RSH_RACE_MUTEX_AFTER_TRYLOCK(&mutex, acquired));
	return acquired;
}

static void try_unlock(void)
{
	PROVE(RSH_RACE_MUTEX_BEFORE_UNLOCK(&mutex));
	hidden_unlock(&mutex);
	PROVE(RSH_RACE_MUTEX_AFTER_UNLOCK(&mutex));
}

NOINLINE static void fill_queue(void)
{
	queue = 1;
}

NOINLINE static void drain_queue(void)
{
	queue = 0;
}

static void *filler(void *arg)
{
	own_lock(&mutex);
	hidden_post(&turn);
	hidden_wait(&turn, 2);
	fill_queue();
	own_unlock(&mutex);
	hidden_post(&turn);
	return arg;
}

static void *drainer(void *arg)
{
	hidden_wait(&turn, 1);
	if (own_trylock())
		return NULL; /* held by the filler: cannot be */
	hidden_post(&turn);
	hidden_wait(&turn, 3);
	if (own_trylock()) {
		drain_queue();
		try_unlock();
	}
	return arg;
}

int main(void)
{
	run_two(filler, drainer);
	return queue;
}
