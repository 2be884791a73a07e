/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends the way that its arguments say, while a thread goes on counting: ending <how> [signal]. What
 * ran can be told from the counters: each way has a function of its own.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"

enum { STATUS = 7 };

static NOINLINE void first_handler(void)
{
	puts("first");
}

static NOINLINE void second_handler(void)
{
	puts("second");
}

static NOINLINE void by_return(void)
{
	if (atexit(first_handler) != 0 || atexit(second_handler) != 0)
		abort();
}

__attribute__((destructor)) static NOINLINE void destroy(void)
{
	fputs("destroyed\n", stdout);
}

static void *exit_too(void *arg)
{
	pthread_barrier_wait(arg);
	exit(STATUS);
}

static NOINLINE void by_two_exits(void)
{
	static pthread_barrier_t both;
	pthread_t thread;

	pthread_barrier_init(&both, NULL, 2);
	if (pthread_create(&thread, NULL, exit_too, &both) != 0)
		abort();
	pthread_barrier_wait(&both);
	exit(STATUS);
}

static NOINLINE void by_fault(void)
{
	*(volatile int *)8 = 1;
}

static void handle(int signo)
{
	static const char text[] = "handled\n";

	(void)signo;
	(void)!write(1, text, sizeof(text) - 1);
	_exit(STATUS);
}

static NOINLINE void by_own_handler(int signo)
{
	signal(signo, handle);
	raise(signo);
}

static struct sigaction before;

static void handle_and_chain(int signo)
{
	static const char text[] = "chained\n";

	(void)!write(1, text, sizeof(text) - 1);
	sigaction(signo, &before, NULL);
	raise(signo);
}

static NOINLINE void by_chain(int signo)
{
	struct sigaction action = {.sa_handler = handle_and_chain};

	sigaction(signo, &action, &before);
	raise(signo);
}

static NOINLINE void by_default_action(int signo)
{
	signal(signo, SIG_DFL);
	raise(signo);
}

/* What the parent has counted is not counted again by the child. */
static NOINLINE void in_parent(void)
{
	puts("parent");
	fflush(stdout);
}

static NOINLINE void in_child(void)
{
	puts("child");
}

static NOINLINE void by_fork(void)
{
	pid_t pid;
	int status;

	in_parent();
	pid = fork();
	if (pid == 0) {
		in_child();
		exit(3);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 3)
		abort();
}

static NOINLINE void by_vfork(void)
{
	pid_t pid = vfork();
	int status;

	if (pid == 0)
		_exit(4);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 4)
		abort();
	if (system("true") != 0)
		abort();
}

static NOINLINE void by_daemon(void)
{
	int fd;

	if (chdir("/") != 0)
		abort();
	for (fd = 3; fd < 1024; fd++)
		close(fd);
	/* All of these numbers are another directory now. */
	for (fd = 3; fd < 200; fd++)
		if (open("/proc/self", O_RDONLY | O_DIRECTORY) < 0)
			abort();
}

static NOINLINE void by_closed_streams(void)
{
	fclose(stdin);
	fclose(stdout);
	fclose(stderr);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "return";
	int signo = argc > 2 ? atoi(argv[2]) : 0;

	if (strcmp(how, "fork") != 0)
		begin();
	if (strcmp(how, "return") == 0)
		by_return();
	else if (strcmp(how, "exit") == 0)
		exit(STATUS);
	else if (strcmp(how, "two-exits") == 0)
		by_two_exits();
	else if (strcmp(how, "_exit") == 0)
		_exit(STATUS);
	else if (strcmp(how, "_Exit") == 0)
		_Exit(STATUS);
	else if (strcmp(how, "quick_exit") == 0)
		quick_exit(STATUS);
	else if (strcmp(how, "abort") == 0)
		abort();
	else if (strcmp(how, "fault") == 0)
		by_fault();
	else if (strcmp(how, "raise") == 0)
		raise(signo);
	else if (strcmp(how, "handler") == 0)
		by_own_handler(signo);
	else if (strcmp(how, "chain") == 0)
		by_chain(signo);
	else if (strcmp(how, "default") == 0)
		by_default_action(signo);
	else if (strcmp(how, "fork") == 0)
		by_fork();
	else if (strcmp(how, "vfork") == 0)
		by_vfork();
	else if (strcmp(how, "daemon") == 0)
		by_daemon();
	else if (strcmp(how, "closed") == 0)
		by_closed_streams();
	else
		return 2;
	return STATUS;
}
