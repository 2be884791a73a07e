/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A try-lock for reading, once failed and once taken. Without the annotation the section that it
 * protects is a race with the writer's.
 *
 * control: data race in write_table, read_table
 * annotation: RSH_RACE_MUTEX_BEFORE_TRYRDLOCK RSH_RACE_MUTEX_AFTER_TRYRDLOCK
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int rwlock, table, turn;

static int own_tryrdlock(void)
{
	int acquired;

	PROVE(RSH_RACE_MUTEX_BEFORE_TRYRDLOCK(&rwlock));
	acquired = hidden_tryrdlock(&rwlock);
	PROVE(RSH_RACE_MUTEX_AFTER_TRYRDLOCK(&rwlock, acquired));
	return acquired;
}

static void own_rdunlock(void)
{
	PROVE(RSH_RACE_MUTEX_BEFORE_RDUNLOCK(&rwlock));
	hidden_rdunlock(&rwlock);
	PROVE(RSH_RACE_MUTEX_AFTER_RDUNLOCK(&rwlock));
}

NOINLINE static void write_table(void)
{
	table = 42;
}

NOINLINE static int read_table(void)
{
	return table;
}

static void *writer(void *arg)
{
	own_lock(&rwlock);
	hidden_post(&turn);
	hidden_wait(&turn, 2);
	write_table();
	own_unlock(&rwlock);
	hidden_post(&turn);
	return arg;
}

static void *reader(void *arg)
{
	hidden_wait(&turn, 1);
	if (own_tryrdlock())
		return NULL; /* held by the writer: cannot be */
	hidden_post(&turn);
	hidden_wait(&turn, 3);
	if (own_tryrdlock()) {
		arg = read_table() == 42 ? arg : NULL;
		own_rdunlock();
	}
	return arg;
}

int main(void)
{
	run_two(writer, reader);
	return 0;
}
