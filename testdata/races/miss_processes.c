/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processes race on a page that they share: every process has a detector of its own, and each
 * sees one access. The control shares the page between two threads.
 *
 * control: data race in write_in_child, write_in_parent
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "step.h"

static int *shared;

static NOINLINE void write_in_child(void)
{
	*shared = 1;
}

static NOINLINE void write_in_parent(void)
{
	*shared = 2;
}

#ifdef RSH_CONTROL
typedef pthread_t child_id;

static void *worker(void *arg)
{
	write_in_child();
	return arg;
}

static child_id begin(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
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
		_exit(0);
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
	child_id child;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	child = begin();
	write_in_parent();
	return end(child) != 0 || (*shared != 1 && *shared != 2);
}
