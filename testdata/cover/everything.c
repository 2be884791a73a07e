/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * everything <rounds> <directory> <library>: all at the same time, while eight threads count. Two
 * threads read and clear into delta.0, delta.1, ...; others write snapshots, ask for the numbers,
 * load and unload a library that counts, make children, and fail to become another program. Prints
 * how often unit_of_work() and the library's lib_turn() ran.
 */
#include <dlfcn.h>
#include <raceshim/cover.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counting.h"

static int rounds, number;
static const char *directory, *library;
static unsigned long turns;

static void must(int err, const char *what)
{
	if (err == 0)
		return;
	fprintf(stderr, "%s: %d: %s\n", what, err, rsh_strerror(err));
	abort();
}

static int to_file(void *arg, const void *buf, size_t len)
{
	return fwrite(buf, 1, len, arg) != len;
}

static void write_to(const char *path, int (*call)(const struct rsh_writer *w))
{
	struct rsh_writer w = {to_file, fopen(path, "wb")};

	if (!w.arg)
		abort();
	must(call(&w), path);
	must(fclose(w.arg), "fclose");
}

static void *take(void *arg)
{
	for (int i = 0; i < rounds; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/delta.%d", directory,
		         __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED));
		write_to(name, rsh_cover_read_and_clear);
	}
	return arg;
}

static void *look(void *arg)
{
	struct rsh_cover_stats stats;

	for (int i = 0; i < rounds; i++) {
		must(rsh_cover_write_meta_dir(directory), "write_meta_dir");
		must(rsh_cover_write_counters_dir(directory), "write_counters_dir");
		write_to("/dev/null", rsh_cover_write_meta);
		write_to("/dev/null", rsh_cover_write_counters);
		must(rsh_cover_stats(&stats), "stats");
		if (!rsh_cover_enabled() || stats.live > stats.functions)
			abort();
	}
	return arg;
}

static void *load(void *arg)
{
	for (int i = 0; i < rounds; i++) {
		void *loaded = dlopen(library, RTLD_NOW | RTLD_LOCAL);
		int (*turn)(int) = loaded ? (int (*)(int))dlsym(loaded, "lib_turn") : NULL;

		if (!turn)
			abort();
		for (int k = 0; k <= i % 7; k++, turns++)
			if (turn(k) != k + 1)
				abort();
		must(dlclose(loaded), "dlclose");
	}
	return arg;
}

static __attribute__((noinline)) int of_the_child(int x)
{
	return x + 1;
}

static void *part(void *arg)
{
	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			(void)of_the_child(i);
			_exit(5);
		}
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != 5)
			abort();
	}
	return arg;
}

static void *attempt(void *arg)
{
	for (int i = 0; i < rounds; i++)
		if (execl("/nowhere", "nowhere", (char *)NULL) != -1)
			abort();
	return arg;
}

int main(int argc, char **argv)
{
	void *(*const all[])(void *) = {take, take, look, load, part, attempt};
	enum { N = sizeof(all) / sizeof(all[0]) };
	pthread_t thread[N];

	if (argc != 4)
		return 2;
	rounds = atoi(argv[1]);
	directory = argv[2];
	library = argv[3];
	begin();
	for (int i = 0; i < N; i++)
		must(pthread_create(&thread[i], NULL, all[i], NULL), "pthread_create");
	for (int i = 0; i < N; i++)
		must(pthread_join(thread[i], NULL), "pthread_join");
	printf("%llu %lu\n", (unsigned long long)end(), turns);
	return 0;
}
