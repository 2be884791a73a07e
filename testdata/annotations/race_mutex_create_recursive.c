/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recursive mutex must be initialised before another thread can see it. Its creation counts as
 * an access, so the user who got it by luck is reported; that he takes it twice is not.
 *
 * report: data race in create_mutex, take_mutex
 * control: clean
 * annotation: RSH_RACE_MUTEX_CREATE_RECURSIVE
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int mutex, depth, created;

static void recursive_lock(void)
{
	RSH_RACE_MUTEX_BEFORE_LOCK(&mutex);
	if (depth++ == 0) /* one user: the test for the owner is left out */
		hidden_lock(&mutex);
	RSH_RACE_MUTEX_AFTER_LOCK(&mutex);
}

static void recursive_unlock(void)
{
	RSH_RACE_MUTEX_BEFORE_UNLOCK(&mutex);
	if (--depth == 0)
		hidden_unlock(&mutex);
	RSH_RACE_MUTEX_AFTER_UNLOCK(&mutex);
}

NOINLINE static void create_mutex(void)
{
	PROVE(RSH_RACE_MUTEX_CREATE_RECURSIVE(&mutex));
}

NOINLINE static void take_mutex(void)
{
	recursive_lock();
	recursive_lock();
	recursive_unlock();
	recursive_unlock();
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
