/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log with a mutex orders everybody who logs, by accident, and so hides races that come out
 * on the day the log is off. With the log's synchronisation ignored the race is seen.
 *
 * report: data race in update, forget_lock
 * control: clean
 * annotation: RSH_RACE_IGNORE_SYNC_BEGIN RSH_RACE_IGNORE_SYNC_END
 * uninstrumented: helper_hidden.c
 */
#include <pthread.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static int lines, state, logged;

static void log_line(void)
{
	PROVE(RSH_RACE_IGNORE_SYNC_BEGIN());
	pthread_mutex_lock(&log_mutex);
	hidden_add(&lines, 1);
	pthread_mutex_unlock(&log_mutex);
	PROVE(RSH_RACE_IGNORE_SYNC_END());
}

NOINLINE static void update(void)
{
	state = 1;
}

NOINLINE static void forget_lock(void)
{
	state = 2;
}

static void *one(void *arg)
{
	update();
	log_line();
	hidden_post(&logged);
	return arg;
}

static void *other(void *arg)
{
	hidden_wait(&logged, 1);
	log_line();
	forget_lock();
	return arg;
}

int main(void)
{
	run_two(one, other);
	return state != 2;
}
