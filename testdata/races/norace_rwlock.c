/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One writer under the write lock, one reader under the read lock. The control's writer takes the
 * read lock as well.
 *
 * control: data race in store_route, find_route
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
#define WRITER_LOCK pthread_rwlock_rdlock
#else
#define WRITER_LOCK pthread_rwlock_wrlock
#endif

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
int route;

static NOINLINE void store_route(int to)
{
	route = to;
}

static NOINLINE int find_route(void)
{
	return route;
}

static void *worker(void *arg)
{
	WRITER_LOCK(&rwlock);
	store_route(8);
	pthread_rwlock_unlock(&rwlock);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	pthread_rwlock_rdlock(&rwlock);
	seen = find_route();
	pthread_rwlock_unlock(&rwlock);
	pthread_join(thread, NULL);
	return seen != 8;
}
