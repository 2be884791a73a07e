/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cycle of three mutexes, with both stacks of every edge.
 * options: second_deadlock_stack=1
 */
#include <pthread.h>

static pthread_mutex_t m[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                               PTHREAD_MUTEX_INITIALIZER};

static __attribute__((noinline)) void edge(int from, int to)
{
	pthread_mutex_lock(&m[from]);
	pthread_mutex_lock(&m[to]);
	pthread_mutex_unlock(&m[to]);
	pthread_mutex_unlock(&m[from]);
}

static void *last_edge(void *arg)
{
	edge(2, 0);
	return arg;
}

int main(void)
{
	pthread_t t;

	edge(0, 1);
	edge(1, 2);
	pthread_create(&t, NULL, last_edge, NULL);
	pthread_join(t, NULL);
	return 0;
}
