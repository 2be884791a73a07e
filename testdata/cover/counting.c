/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counting <how> <n> <directory>: eight threads count and make short-lived threads, while main does
 * something to the counters n times, a millisecond apart, or, with "30s", for as many seconds.
 * Prints how often unit_of_work() ran.
 */
#include <raceshim/cover.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counting.h"

static int number;
static const char *directory;

static int to_file(void *arg, const void *buf, size_t len)
{
	return fwrite(buf, 1, len, arg) != len;
}

/* One reading into a file of its own: delta.0, delta.1, ... */
static int write_delta(void)
{
	struct rsh_writer w = {to_file, NULL};
	char name[4096];
	int err;

	snprintf(name, sizeof(name), "%s/delta.%d", directory, number++);
	w.arg = fopen(name, "wb");
	if (!w.arg)
		return 1;
	err = rsh_cover_read_and_clear(&w);
	return fclose(w.arg) != 0 ? 1 : err;
}

static int write_counters(void)
{
	return rsh_cover_write_counters_dir(directory);
}

static int clear(void)
{
	return rsh_cover_clear();
}

int main(int argc, char **argv)
{
	int (*act)(void) = write_counters;
	int err = 0, seconds;
	time_t until;

	if (argc != 4)
		return 2;
	directory = argv[3];
	if (strcmp(argv[1], "delta") == 0)
		act = write_delta;
	else if (strcmp(argv[1], "clear") == 0)
		act = clear;
	begin();
	seconds = strchr(argv[2], 's') ? atoi(argv[2]) : 0;
	until = time(NULL) + seconds;
	for (int i = atoi(argv[2]); (seconds ? time(NULL) < until : i > 0) && !err; i--) {
		err = act();
		usleep(1000);
	}
	printf("%llu\n", (unsigned long long)end());
	if (!err)
		err = act();
	if (!err)
		err = rsh_cover_write_meta_dir(directory);
	if (err)
		fprintf(stderr, "%d: %s\n", err, rsh_strerror(err));
	return err != 0;
}
