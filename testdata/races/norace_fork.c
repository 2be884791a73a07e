/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child process has its own memory: parent and child write the same variable and nobody races.
 * The control uses a thread instead of a process.
 *
 * control: data race in write_in_child, write_in_parent
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "step.h"

int value;

static NOINLINE void write_in_child(void)
{
	value = 1;
}

static NOINLINE void write_in_parent(void)
{
	value = 2;
}

#ifdef RSH_CONTROL
typedef pthread_t child_id;

static void *worker(void *arg)
{
	write_in_child();
	step_set(1);
	return arg;
}

static child_id begin(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	return thread;
}

static int end(child_id thread)
{
	return pthread_join(thread, NULL);
}
#else
typedef pid_t child_id;

static child_id begin(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		write_in_child();
		_exit(value != 1);
	}
	return pid;
}

static int end(child_id pid)
{
	int status;

	return waitpid(pid, &status, 0) != pid || status != 0;
}
#endif

int main(void)
{
	child_id child = begin();

	write_in_parent();
	return end(child) != 0 || value != 2;
}
