/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forking <n> <directory>: while eight threads count and main writes snapshots, n children are made,
 * each of which counts three times and ends. Prints how many.
 */
#include <raceshim/cover.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counting.h"

static const char *directory;

static __attribute__((noinline)) int of_the_child(int x)
{
	return x + 1;
}

static void *write_for_ever(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (rsh_cover_write_counters_dir(directory) != 0)
			abort();
		usleep(100);
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t writer;
	int good = 0;

	if (argc != 3)
		return 2;
	directory = argv[2];
	begin();
	if (pthread_create(&writer, NULL, write_for_ever, NULL) != 0)
		abort();
	for (int i = atoi(argv[1]); i > 0; i--) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			for (int k = 0; k < 3; k++)
				(void)of_the_child(k);
			_exit(5);
		}
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) == 5)
			good++;
	}
	(void)end();
	pthread_join(writer, NULL);
	printf("%d\n", good);
	return 0;
}
