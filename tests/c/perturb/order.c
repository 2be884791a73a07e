/* SPDX-License-Identifier: BSD-2-Clause */
/* A race that shows only where the second thread takes the lock first. */

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* For all the compiler knows, others look at it. */
int shared;
static int first_was_there;

static void *first(void *arg)
{
	shared = 1;
	(void)pthread_mutex_lock(&mutex);
	first_was_there = 1;
	(void)pthread_mutex_unlock(&mutex);
	return arg;
}

static void *second(void *arg)
{
	int was_there;

	(void)pthread_mutex_lock(&mutex);
	was_there = first_was_there;
	(void)pthread_mutex_unlock(&mutex);
	if (!was_there)
		shared = 2;
	return arg;
}

int main(void)
{
	pthread_t threads[2];

	(void)pthread_create(&threads[0], 0, first, 0);
	(void)pthread_create(&threads[1], 0, second, 0);
	(void)pthread_join(threads[0], 0);
	(void)pthread_join(threads[1], 0);
	return 0;
}
