/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The race happens in a forked child only. The parent is clean and ends with status 0, so a gate
 * that looks at the parent alone lets it through.
 *
 * report: data race in count_in_thread, count_in_main
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "step.h"

int hits;

static NOINLINE void count_in_thread(void)
{
	hits++;
}

static NOINLINE void count_in_main(void)
{
	hits++;
}

static void *worker(void *arg)
{
	count_in_thread();
	step_set(1);
	return arg;
}

static int child(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	count_in_main();
	pthread_join(thread, NULL);
	return hits != 2;
}

int main(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		return child();
	return waitpid(pid, &status, 0) != pid || !WIFEXITED(status);
}
