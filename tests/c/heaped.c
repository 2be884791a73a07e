/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that knows nothing of profilers, and exactly what it allocates: 100 blocks of 1000 bytes
 * that stay, 500 of 64 bytes that do not, one that grows from 100 to 5000 bytes and stays. Exits with
 * 5.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef LINKED
#include <raceshim/heapprof.h>
#endif

#define STAYING 100

static char *staying[STAYING + 1];

/* What compilers must not see through. */
static void *use(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

__attribute__((noinline)) static void leak(void)
{
	for (int i = 0; i < STAYING; i++)
		staying[i] = use(malloc(1000));
}

__attribute__((noinline)) static void churn(void)
{
	for (int i = 0; i < 500; i++)
		free(use(malloc(64)));
}

__attribute__((noinline)) static void grow(void)
{
	char *p = use(malloc(100));

	staying[STAYING] = use(realloc(p, 5000));
}

__attribute__((noinline)) static void give_back(void)
{
	for (int i = 0; i < STAYING; i++)
		free(staying[i]);
}

static void fork_once(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		give_back();
		exit(3);
	}
	waitpid(child, &status, 0);
	if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 3)
		exit(1);
}

#ifdef LINKED
static int refuse(void *arg, const void *buf, size_t n)
{
	(void)arg;
	(void)buf;
	(void)n;
	return 77;
}

/* The functions that write a profile, and what they say when they do not. */
static int write_by_hand(const char *path)
{
	const struct rsh_writer nobody = {NULL, NULL}, no = {refuse, NULL};

	if (rsh_heapprof_write_file(path))
		return 10;
	if (rsh_heapprof_write_file(NULL) != EINVAL)
		return 11;
	if (rsh_heapprof_write_file("/nowhere/at/all") != ENOENT)
		return 12;
	if (rsh_heapprof_write(NULL) != RSH_ENOWRITER ||
	    rsh_heapprof_write(&nobody) != RSH_ENOWRITER)
		return 13;
	if (rsh_heapprof_write(&no) != 77)
		return 14;
	return 5;
}
#endif

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

#ifdef LINKED
	if (!strcmp(how, "write") && rsh_heapprof_write_file(argv[2]) != ESRCH)
		return 9;
	if (!strcmp(how, "write") && rsh_heapprof_rate(1))
		return 8;
#endif
	leak();
	churn();
	grow();
	if (!strcmp(how, "fork"))
		fork_once();
	if (!strcmp(how, "exec"))
		execl(argv[0], argv[0], "again", (char *)NULL);
#ifdef LINKED
	if (!strcmp(how, "write"))
		return write_by_hand(argv[2]);
#endif
	return 5;
}
