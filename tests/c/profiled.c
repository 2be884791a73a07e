/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that knows nothing of profilers: two threads, of whose time one function takes three
 * quarters. It prints what the kernel says that function took, and all the work. Exits with 5.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* environ */
#endif

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 2
#define ROUNDS  12
#define ROUND   0.03 /* seconds of the thread's time */

struct work {
	double hot75, hot25;
	int copies; /* 75 or 25: that function calls libc, which a detector intercepts */
};

static __thread volatile unsigned int sink;
static __thread char from[4096], to[4096];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

__attribute__((noinline)) static void turn(int copies)
{
	for (unsigned int i = 0; i < 20000; i++)
		sink += i;
	for (unsigned int i = 0; copies && i < 50; i++)
		memcpy(to, from, sizeof(to) - i);
}

__attribute__((noinline)) static double hot75(int copies)
{
	double start = now();

	while (now() - start < 0.75 * ROUND)
		turn(copies);
	return now() - start;
}

__attribute__((noinline)) static double hot25(int copies)
{
	double start = now();

	while (now() - start < 0.25 * ROUND)
		turn(copies);
	return now() - start;
}

static void *work(void *arg)
{
	struct work *w = arg;

	for (int i = 0; i < ROUNDS; i++) {
		w->hot75 += hot75(w->copies == 75);
		w->hot25 += hot25(w->copies == 25);
	}
	return NULL;
}

static void run(int copies)
{
	struct work works[THREADS] = {0};
	pthread_t threads[THREADS];
	double hot = 0, all = 0;

	for (int i = 0; i < THREADS; i++) {
		works[i].copies = copies;
		pthread_create(&threads[i], NULL, work, &works[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		hot += works[i].hot75;
		all += works[i].hot75 + works[i].hot25;
	}
	printf("%.6f %.6f\n", hot, all);
	fflush(stdout);
}

static void on_user(int signo)
{
	(void)signo;
}

/* Several processes: what each of them leaves is its own. */
static void fork_once(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		hot25(0);
		exit(3);
	}
	waitpid(child, &status, 0);
	if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 3)
		exit(1);
}

static void spawn_once(const char *self, char *const *environment)
{
	pid_t child = vfork();
	int status;

	if (!child) {
		execle(self, self, "little", (char *)NULL, environment);
		_exit(1);
	}
	waitpid(child, &status, 0);
	if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 5)
		exit(1);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "work";

	if (!strcmp(how, "work"))
		run(argc > 2 ? atoi(argv[2]) : 0);
	if (!strcmp(how, "little"))
		hot25(0);
	if (!strcmp(how, "fork"))
		fork_once();
	if (!strcmp(how, "spawn"))
		spawn_once(argv[0], environ);
	/* As detectors start their symbolizers: what was set since the start is not in there. */
	if (!strcmp(how, "stale"))
		spawn_once(argv[0], argv + argc + 1);
	if (!strcmp(how, "exec")) {
		hot75(0);
		execl(argv[0], argv[0], "little", (char *)NULL);
	}
	if (!strcmp(how, "install")) {
		signal(SIGPROF, on_user);
		for (int i = 0; i < 30; i++)
			hot25(0);
	}
	return 5;
}
