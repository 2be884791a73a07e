/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that knows nothing of profilers: one thread holds a mutex, others wait for it, each once
 * in a round, as the first one knows before it lets go; and one waits on a condition variable. Prints
 * how often each happened. Exits with 5.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef LINKED
#include <raceshim/lockprof.h>
#endif

#define ROUNDS 20

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int waiter, rounds; /* guarded by the gate: the waiter's thread id in a round, or 0; and */
                           /* how many rounds it has come through */

/* Whether a thread sleeps in the kernel. */
static int sleeps(int tid)
{
	char path[64], line[512], state = '?';
	const char *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (file && fgets(line, sizeof(line), file)) {
		end = strrchr(line, ')');
		state = end ? end[2] : '?';
	}
	if (file)
		fclose(file);
	return state == 'S';
}

__attribute__((noinline)) static void wait_for_it(void)
{
	pthread_mutex_lock(&held);
	pthread_mutex_unlock(&held);
	__asm__ volatile("");
}

__attribute__((noinline)) static void let_go(void)
{
	pthread_mutex_unlock(&held);
	__asm__ volatile("");
}

static void *work(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&gate);
		waiter = gettid();
		pthread_cond_broadcast(&changed);
		while (waiter)
			pthread_cond_wait(&changed, &gate);
		pthread_mutex_unlock(&gate);
		wait_for_it();
		pthread_mutex_lock(&gate);
		rounds++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&gate);
	}
	return NULL;
}

static void contend(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, work, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		int tid;

		pthread_mutex_lock(&held);
		pthread_mutex_lock(&gate);
		while (!waiter)
			pthread_cond_wait(&changed, &gate);
		tid = waiter;
		waiter = 0;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&gate);
		/* It has the gate's mutex to take first; then it sleeps for the one that is held. */
		do
			usleep(2000);
		while (!sleeps(tid));
		let_go();
		pthread_mutex_lock(&gate);
		while (rounds <= i)
			pthread_cond_wait(&changed, &gate);
		pthread_mutex_unlock(&gate);
	}
	pthread_join(thread, NULL);
	printf("%d\n", rounds);
	fflush(stdout);
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

	if (rsh_lockprof_write_file(path))
		return 10;
	if (rsh_lockprof_write_file(NULL) != EINVAL)
		return 11;
	if (rsh_lockprof_write_file("/nowhere/at/all") != ENOENT)
		return 12;
	if (rsh_lockprof_write(NULL) != RSH_ENOWRITER ||
	    rsh_lockprof_write(&nobody) != RSH_ENOWRITER)
		return 13;
	if (rsh_lockprof_write(&no) != 77)
		return 14;
	return 5;
}
#endif

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (!strcmp(how, "fork")) {
		int status;
		pid_t child = fork();

		if (!child) {
			contend();
			exit(3);
		}
		waitpid(child, &status, 0);
		return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 5 : 1;
	}
#ifdef LINKED
	if (!strcmp(how, "write")) {
		const struct rsh_lockprof_options all = {1, 1};

		if (rsh_lockprof_write_file(argv[2]) != ESRCH)
			return 9;
		if (rsh_lockprof_start(&all))
			return 8;
		contend();
		return write_by_hand(argv[2]);
	}
#endif
	contend();
	return 5;
}
