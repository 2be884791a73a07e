/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the counts of a program of thousands of functions again and again, with our runtime (-DOURS)
 * or the one that comes with clang, and prints the best time in microseconds; ours also prints how
 * long reading the counters takes, beside memcpy of as many bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef OURS
#include <raceshim/counters.h>
#include <raceshim/cover.h>
#endif

enum { REPEATS = 400 };

int run_functions(int argument); /* generated: a fifth of all functions */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Neither adds up: each file is made anew, and what removes the last one is not measured. */
static double best_of(void (*prepare)(void), int (*what)(void))
{
	double best = 1e12;

	for (int i = 0; i < REPEATS; i++) {
		double begin, took;

		prepare();
		begin = now();
		if (what() != 0)
			exit(1);
		took = now() - begin;
		if (took < best)
			best = took;
	}
	return best;
}

static const char *directory;

#ifdef OURS
static uint64_t *from, *to;
static uint64_t n;

static void nothing(void)
{
}

static int emit(void)
{
	return rsh_cover_write_counters_dir(directory);
}

static int drop(void *arg, const void *buf, size_t len)
{
	(void)arg;
	return buf == NULL || len == 0;
}

static int copy(void)
{
	memcpy(to, from, n * sizeof(*to));
	__asm__ volatile("" : : "r"(to) : "memory");
	return 0;
}

/* The whole of rsh_cover_stats(): the sweep, and a look at all that was read. */
static int look(void)
{
	struct rsh_cover_stats stats;

	return rsh_cover_stats(&stats);
}

static void measure(void)
{
	struct rsh_cover_stats stats;
	struct rsh_writer w = {drop, NULL};

	if (rsh_cover_write_meta_dir(directory) != 0 || rsh_cover_stats(&stats) != 0 ||
	    rsh_cover_write_counters(&w) != 0)
		exit(1);
	n = stats.counters;
	from = calloc(n, sizeof(*from));
	to = calloc(n, sizeof(*to));
	if (!from || !to)
		exit(1);
	memset(from, 1, n * sizeof(*from));
	printf("%f %f %f\n", best_of(nothing, emit), best_of(nothing, look),
	       best_of(nothing, copy));
}
#else
void __llvm_profile_set_filename(const char *name);
int __llvm_profile_write_file(void);

static char name[4096];

static void remove_last(void)
{
	(void)remove(name);
}

static int emit(void)
{
	return __llvm_profile_write_file();
}

static void measure(void)
{
	snprintf(name, sizeof(name), "%s/stock.profraw", directory);
	__llvm_profile_set_filename(name);
	printf("%f\n", best_of(remove_last, emit));
}
#endif

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	directory = argv[1];
	(void)run_functions(argc);
	measure();
	return 0;
}
