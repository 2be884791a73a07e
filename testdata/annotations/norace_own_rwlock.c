/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reader-writer lock of one's own. The writer's section happens before the reader's and the
 * reader's before the next writer's; without the read side's annotations both look like races.
 *
 * control: data race in write_table, read_table
 * annotation: RSH_RACE_MUTEX_BEFORE_RDLOCK RSH_RACE_MUTEX_AFTER_RDLOCK RSH_RACE_MUTEX_BEFORE_RDUNLOCK RSH_RACE_MUTEX_AFTER_RDUNLOCK
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int rwlock, table, turn;

static void own_rdlock(void)
{
	PROVE(RSH_RACE_MUTEX_BEFORE_RDLOCK(&rwlock));
	hidden_rdlock(&rwlock);
	PROVE(RSH_RACE_MUTEX_AFTER_RDLOCK(&rwlock));
}

static void own_rdunlock(void)
{
	PROVE(RSH_RACE_MUTEX_BEFORE_RDUNLOCK(&rwlock));
	hidden_rdunlock(&rwlock);
	PROVE(RSH_RACE_MUTEX_AFTER_RDUNLOCK(&rwlock));
}

NOINLINE static void write_table(void)
{
	table++;
}

NOINLINE static int read_table(void)
{
	return table;
}

static void *writer(void *arg)
{
	for (int i = 0; i < 2; i++) {
		hidden_wait(&turn, 2 * i);
		own_lock(&rwlock);
		write_table();
		own_unlock(&rwlock);
		hidden_post(&turn);
	}
	return arg;
}

static void *reader(void *arg)
{
	hidden_wait(&turn, 1);
	own_rdlock();
	arg = read_table() == 1 ? arg : NULL;
	own_rdunlock();
	hidden_post(&turn);
	return arg;
}

int main(void)
{
	run_two(writer, reader);
	return table != 2;
}
