/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processes, each with its own race, and the parent of both: their reports follow each other
 * on one stream, each with its own pid.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include "order.h"

static volatile int shared;

static void *child_writer(void *arg)
{
	shared = 1;
	order_step();
	return arg;
}

static __attribute__((noinline)) void races(void)
{
	pthread_t t;

	pthread_create(&t, NULL, child_writer, NULL);
	order_wait(1);
	shared = 2;
	pthread_join(t, NULL);
}

int main(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		races();
		_exit(0);
	}
	if (waitpid(pid, NULL, 0) != pid)
		return 2;
	races();
	return 0;
}
