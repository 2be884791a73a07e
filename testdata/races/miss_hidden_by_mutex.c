/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock that protects something else happens to lie between the two accesses, and orders them in
 * this run: happens-before detection believes it. The other way round it would be a report; the
 * control leaves the lock out.
 *
 * control: data race in write_setting, read_setting
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static int log_lines;
int setting;

#ifdef RSH_CONTROL
#define LOG_LOCK()
#define LOG_UNLOCK()
#else
#define LOG_LOCK()   pthread_mutex_lock(&log_mutex)
#define LOG_UNLOCK() pthread_mutex_unlock(&log_mutex)
#endif

static NOINLINE void write_setting(void)
{
	setting = 3;
}

static NOINLINE int read_setting(void)
{
	return setting;
}

static void log_line(void)
{
	LOG_LOCK();
	__atomic_fetch_add(&log_lines, 1, __ATOMIC_RELAXED);
	LOG_UNLOCK();
}

static void *worker(void *arg)
{
	write_setting();
	log_line();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	log_line();
	seen = read_setting();
	pthread_join(thread, NULL);
	return seen != 3;
}
