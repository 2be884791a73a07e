/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that reads its heap profile, right and wrong: heap_reading CASE.
 *
 * The cases that end in a mistake of this program's must be reported with the names of functions
 * here, the other ones must be silent. Each mistake has a twin that lacks only it.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <raceshim/heapprof.h>

#include "check.h"

#define RECORDS 64

static struct rsh_heap_record shared[RECORDS];
static size_t found;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int filled; /* under lock */
static void *volatile kept;

__attribute__((noinline)) static void make_a_profile(void)
{
	int err = rsh_heapprof_rate(1);

	if (err)
		fprintf(stderr, "%s\n", rsh_strerror(err));
	CHECK_EQ(err, 0);
	kept = malloc(4711);
	CHECK_EQ(rsh_heapprof_rate(0), 0);
}

__attribute__((noinline)) static void fill(struct rsh_heap_record *records, size_t n, size_t *got)
{
	CHECK_EQ(rsh_heapprof_read(records, n, got), 0);
}

/* A field of each kind, at the chance of finding it half written. */
__attribute__((noinline)) static void *look_at_number(void *arg)
{
	*(uint64_t *)arg = shared[0].free_bytes;
	return arg;
}

__attribute__((noinline)) static void *look_at_tail(void *arg)
{
	*(uint64_t *)arg = shared[0].pcs[RSH_HEAPPROF_DEPTH - 1];
	return arg;
}

__attribute__((noinline)) static void *look_at_size(void *arg)
{
	*(uint64_t *)arg = found;
	return arg;
}

__attribute__((noinline)) static void *look_at_all_locked(void *arg)
{
	int done = 0;

	while (!done) {
		pthread_mutex_lock(&lock);
		done = filled;
		look_at_number(arg);
		look_at_tail(arg);
		look_at_size(arg);
		pthread_mutex_unlock(&lock);
		sched_yield();
	}
	return arg;
}

__attribute__((noinline)) static void with_reader(void *(*reader)(void *), int locks)
{
	pthread_t thread;
	uint64_t seen;

	CHECK_EQ(pthread_create(&thread, NULL, reader, &seen), 0);
	if (locks)
		pthread_mutex_lock(&lock);
	fill(shared, RECORDS, &found);
	if (locks) {
		filled = 1;
		pthread_mutex_unlock(&lock);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(found > 0);
}

__attribute__((noinline)) static void use(const unsigned char *p, size_t n)
{
	size_t zeros = 0;

	for (size_t i = 0; i < n; i++) {
		/* A branch for each byte, which MSan looks at. */
		if (!p[i]) {
			__asm__ volatile("" ::: "memory");
			zeros++;
		}
	}
	CHECK(zeros > 0);
}

/* @missing bytes of the last record's, which the profile needs all of. */
__attribute__((noinline)) static void with_heap(size_t missing, int reads)
{
	size_t need = 0, got = 0;
	struct rsh_heap_record *records;

	CHECK_EQ(rsh_heapprof_read(NULL, 0, &need), ERANGE);
	records = malloc(need * sizeof(*records) - missing);
	CHECK(records);
	if (reads) {
		fill(records, need, &got);
		CHECK_EQ(got, need);
		use((const unsigned char *)records, got * sizeof(*records) - missing);
	} else {
		use((const unsigned char *)records, need * sizeof(*records) - missing);
	}
	free(records);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	make_a_profile();
	if (strcmp(name, "number-race") == 0)
		with_reader(look_at_number, 0);
	else if (strcmp(name, "tail-race") == 0)
		with_reader(look_at_tail, 0);
	else if (strcmp(name, "size-race") == 0)
		with_reader(look_at_size, 0);
	else if (strcmp(name, "locked") == 0)
		with_reader(look_at_all_locked, 1);
	else if (strcmp(name, "heap") == 0)
		with_heap(0, 1);
	else if (strcmp(name, "unread") == 0)
		with_heap(0, 0);
	else if (strcmp(name, "overflow") == 0)
		with_heap(1, 1);
	else
		return 2;
	free(kept);
	return 0;
}
