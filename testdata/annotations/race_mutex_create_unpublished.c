/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex must be initialised before another thread can see it. RSH_RACE_MUTEX_CREATE makes the
 * initialisation an access of its own: the user who got the mutex by luck is reported.
 *
 * report: data race in create_mutex, take_mutex
 * control: clean
 * annotation: RSH_RACE_MUTEX_CREATE
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int mutex, created;

NOINLINE static void create_mutex(void)
{
	PROVE(RSH_RACE_MUTEX_CREATE(&mutex));
}

NOINLINE static void take_mutex(void)
{
	own_lock(&mutex);
	own_unlock(&mutex);
}

static void *creator(void *arg)
{
	create_mutex();
	hidden_post(&created);
	return arg;
}

static void *user(void *arg)
{
	hidden_wait(&created, 1);
	take_mutex();
	return arg;
}

int main(void)
{
	run_two(creator, user);
	return 0;
}
