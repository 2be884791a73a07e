/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread ends with the mutex in its hands, and the owner destroys it after the join: no race, but
 * a mutex that was never given back.
 *
 * report: destroy of a locked mutex in shut_down, take_and_leave
 */
#include <pthread.h>

#include "step.h"

static pthread_mutex_t mutex;

static NOINLINE void *take_and_leave(void *arg)
{
	pthread_mutex_lock(&mutex);
	return arg;
}

static NOINLINE void shut_down(void)
{
	pthread_mutex_destroy(&mutex);
}

int main(void)
{
	pthread_t thread;

	pthread_mutex_init(&mutex, NULL);
	pthread_create(&thread, NULL, take_and_leave, NULL);
	pthread_join(thread, NULL);
	shut_down();
	return 0;
}
