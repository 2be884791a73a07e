/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Becomes another program, itself, while a thread goes on counting: replacing <how> [times].
 *
 *   exec…, fexecve   by that function, after so many attempts that fail
 *   fails            so many attempts with each function, all of which fail; then it goes on
 *   exits, races     likewise in a thread, for ever, while main exits, or becomes another program
 *   loses            as fails, after its directory has been removed
 *   fork, vfork      in a child, after an attempt that fails, while the parent goes on
 *   spawn            with posix_spawn
 *
 * What it becomes prints its arguments and MARK of its environment, and counts `arrived`.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* execvpe, execveat */
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"

enum { STATUS = 7 };

extern char **environ;

static char self[4096];
static char *arguments[] = {"replacing", "arrived", "one", "", "three", NULL};
static char *environment[] = {"MARK=mine", NULL, NULL};
static int attempts;

static NOINLINE int arrived(int argc, char **argv)
{
	const char *mark = getenv("MARK");

	for (int i = 1; i < argc; i++)
		printf("%s,", argv[i]);
	printf("%s\n", mark ? mark : "none");
	return STATUS;
}

/* Those that search find it without a slash, in PATH. */
static NOINLINE int replace(const char *how, const char *path)
{
	char **a = arguments;
	int fd;

	if (strcmp(how, "execl") == 0)
		return execl(path, a[0], a[1], a[2], a[3], a[4], (char *)NULL);
	if (strcmp(how, "execle") == 0)
		return execle(path, a[0], a[1], a[2], a[3], a[4], (char *)NULL, environment);
	if (strcmp(how, "execlp") == 0)
		return execlp(path, a[0], a[1], a[2], a[3], a[4], (char *)NULL);
	if (strcmp(how, "execv") == 0)
		return execv(path, a);
	if (strcmp(how, "execve") == 0)
		return execve(path, a, environment);
	if (strcmp(how, "execveat") == 0)
		return execveat(AT_FDCWD, path, a, environment, 0);
	if (strcmp(how, "execvp") == 0)
		return execvp(path, a);
	if (strcmp(how, "execvpe") == 0)
		return execvpe(path, a, environment);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : fexecve(fd, a, environment);
}

static NOINLINE void attempt(const char *how)
{
	/* fexecve gets a file that is none that can be executed. */
	const char *path = strcmp(how, "fexecve") == 0 ? "/dev/null" : "/nowhere/replacing";

	errno = 0;
	if (replace(how, path) != -1 || (errno != ENOENT && errno != EACCES))
		abort();
}

static const char *const all[] = {"execl",    "execle", "execlp",  "execv",  "execve",
                                  "execveat", "execvp", "execvpe", "fexecve"};

static NOINLINE void attempt_all(void)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		attempt(all[i]);
}

static void *attempt_for_ever(void *arg)
{
	for (;;) {
		attempt("execv");
		__atomic_fetch_add(&attempts, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

static NOINLINE int at_last(void)
{
	return STATUS;
}

static NOINLINE void in_child(void)
{
	attempt("execv");
	replace("execve", self);
	_exit(9);
}

static void wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != STATUS)
		abort();
}

static NOINLINE void in_parent(const char *how)
{
	pid_t pid;

	if (strcmp(how, "spawn") == 0) {
		if (posix_spawn(&pid, self, NULL, NULL, arguments, environment) != 0)
			abort();
	} else {
		pid = strcmp(how, "fork") == 0 ? fork() : vfork();
		if (pid == 0)
			in_child();
	}
	wait_for(pid);
}

static int begin_attempts(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, attempt_for_ever, NULL) != 0)
		abort();
	pthread_detach(thread);
	while (__atomic_load_n(&attempts, __ATOMIC_RELAXED) < 3)
		usleep(100);
	return at_last();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "execl";
	int times = argc > 2 ? atoi(argv[2]) : 0;
	const char *name;

	if (strcmp(how, "arrived") == 0)
		return arrived(argc, argv);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		abort();
	name = strrchr(self, '/') + 1;
	if (getenv("RACESHIM_COVERDIR") &&
	    asprintf(&environment[1], "RACESHIM_COVERDIR=%s", getenv("RACESHIM_COVERDIR")) < 0)
		abort();
	if (strcmp(how, "fork") != 0 && strcmp(how, "vfork") != 0)
		begin();
	if (strcmp(how, "loses") == 0 && system("rm -r \"$RACESHIM_COVERDIR\"") != 0)
		abort();
	if (strcmp(how, "fails") == 0 || strcmp(how, "loses") == 0) {
		while (times-- > 0)
			attempt_all();
		return at_last();
	}
	if (strcmp(how, "exits") == 0)
		return begin_attempts();
	if (strcmp(how, "races") == 0) {
		(void)begin_attempts();
		how = "execv";
	}
	if (strcmp(how, "fork") == 0 || strcmp(how, "vfork") == 0 || strcmp(how, "spawn") == 0) {
		in_parent(how);
		return at_last();
	}
	while (times-- > 0)
		attempt(how);
	replace(how, strcmp(how, "execlp") == 0 || strncmp(how, "execvp", 6) == 0 ? name : self);
	return 1;
}
