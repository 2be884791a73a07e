/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread writes through a null pointer: DEADLYSIGNAL, then an ==ERROR== report with a stack.
 * machine: yes
 */
#include <pthread.h>

static int *volatile nowhere;

static __attribute__((noinline)) void crashes(void)
{
	*nowhere = 1;
}

static void *runs_into_it(void *arg)
{
	crashes();
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, runs_into_it, NULL);
	pthread_join(t, NULL);
	return 0;
}
