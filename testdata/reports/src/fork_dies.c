/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process with threads forks, and the child starts a thread: the child dies.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include "order.h"

static void *waits(void *arg)
{
	order_wait(1);
	return arg;
}

int main(void)
{
	pthread_t t, u;
	pid_t pid;

	pthread_create(&t, NULL, waits, NULL);
	pid = fork();
	if (pid == 0) {
		pthread_create(&u, NULL, waits, NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	order_step();
	pthread_join(t, NULL);
	return 0;
}
