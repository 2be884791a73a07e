/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * callers <which>: the library touches memory of its caller's, who has forgotten something. A
 * detector names the function of the library, called from the function here.
 */
#include <raceshim/cover.h>
#include <stdlib.h>
#include <string.h>

#include "../races/step.h"

#include <pthread.h>

static uint64_t counters[2];
static struct rsh_cover_stats shared_stats;
static char shared_path[] = "/nonexistent";
static struct rsh_writer shared_writer;
static struct rsh_cover_array shared_array = {"shared", counters, 2, 64, 3, NULL};
static const char *which;

static NOINLINE void use_memory(void)
{
	if (strcmp(which, "stats") == 0)
		(void)rsh_cover_stats(&shared_stats);
	else if (strcmp(which, "dir") == 0)
		(void)rsh_cover_write_counters_dir(shared_path);
	else if (strcmp(which, "meta-dir") == 0)
		(void)rsh_cover_write_meta_dir(shared_path);
	else if (strcmp(which, "writer") == 0)
		(void)rsh_cover_write_counters(&shared_writer);
	else if (strcmp(which, "meta-writer") == 0)
		(void)rsh_cover_write_meta(&shared_writer);
	else if (strcmp(which, "delta") == 0)
		(void)rsh_cover_read_and_clear(&shared_writer);
	else if (strcmp(which, "register") == 0)
		(void)rsh_cover_register(&shared_array);
	else
		abort();
}

static NOINLINE void write_memory(void)
{
	shared_stats.live++;
	shared_path[1] = 'N';
	shared_writer.arg = &shared_writer;
	shared_array.n = 1;
}

static void *other(void *arg)
{
	step_wait(1);
	write_memory();
	step_set(2);
	return arg;
}

int main(int argc, char **argv)
{
	struct rsh_cover_array own = {"own", counters + 1, 1, 64, 3, NULL};
	pthread_t thread;

	if (argc != 2 || rsh_cover_register(&own) != 0)
		return 2;
	which = argv[1];
	if (pthread_create(&thread, NULL, other, NULL) != 0)
		return 2;
	use_memory();
	step_set(1);
	step_wait(2);
	pthread_join(thread, NULL);
	return 0;
}
