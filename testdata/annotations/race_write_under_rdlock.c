/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads write while they hold the lock for reading only: a real race. Annotated as what
 * it is, a read lock orders nothing between its holders; annotated as a plain lock it would
 * hide the race.
 *
 * report: data race in write_first, write_second
 * control: clean
 * annotation: RSH_RACE_MUTEX_BEFORE_RDLOCK RSH_RACE_MUTEX_AFTER_RDLOCK RSH_RACE_MUTEX_BEFORE_RDUNLOCK RSH_RACE_MUTEX_AFTER_RDUNLOCK
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int rwlock, table, first_done;

static void own_rdlock(void)
{
	PROVE_OR(RSH_RACE_MUTEX_BEFORE_RDLOCK(&rwlock), RSH_RACE_MUTEX_BEFORE_LOCK(&rwlock));
	hidden_rdlock(&rwlock);
	PROVE_OR(RSH_RACE_MUTEX_AFTER_RDLOCK(&rwlock), RSH_RACE_MUTEX_AFTER_LOCK(&rwlock));
}

static void own_rdunlock(void)
{
	PROVE_OR(RSH_RACE_MUTEX_BEFORE_RDUNLOCK(&rwlock), RSH_RACE_MUTEX_BEFORE_UNLOCK(&rwlock));
	hidden_rdunlock(&rwlock);
	PROVE_OR(RSH_RACE_MUTEX_AFTER_RDUNLOCK(&rwlock), RSH_RACE_MUTEX_AFTER_UNLOCK(&rwlock));
}

NOINLINE static void write_first(void)
{
	table = 1;
}

NOINLINE static void write_second(void)
{
	table = 2;
}

static void *first(void *arg)
{
	own_rdlock();
	write_first();
	own_rdunlock();
	hidden_post(&first_done);
	return arg;
}

static void *second(void *arg)
{
	hidden_wait(&first_done, 1);
	own_rdlock();
	write_second();
	own_rdunlock();
	return arg;
}

int main(void)
{
	run_two(first, second);
	return table != 2;
}
