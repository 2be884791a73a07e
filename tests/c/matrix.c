/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One program for every detector: what the library does to memory of its caller, right and wrong.
 *
 * matrix CASE: the cases that end in a mistake of this program's must be reported with the names of
 * functions here, the other ones must be silent. Each mistake has a twin that lacks only it.
 */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <raceshim/counters.h>
#include <raceshim/raceshim.h>
#include <raceshim/sigsafe.h>

#include "check.h"

#define SIZE 64

/* In a file of its own, uninstrumented: rsh_copy_out without what it tells the detector. */
int copy_unannotated(void *dst, const void *src, size_t n);

static const char text[SIZE] = "what the library knows";
static char shared[SIZE];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int filled; /* under lock */

__attribute__((noinline)) static void fill(char *dst, int (*copy)(void *, const void *, size_t))
{
	CHECK_EQ(copy(dst, text, SIZE), 0);
}

__attribute__((noinline)) static void *read_shared(void *arg)
{
	*(char *)arg = shared[5];
	return arg;
}

__attribute__((noinline)) static void *read_locked(void *arg)
{
	int done = 0;

	while (!done) {
		pthread_mutex_lock(&lock);
		done = filled;
		*(char *)arg = shared[5];
		pthread_mutex_unlock(&lock);
		sched_yield();
	}
	CHECK_EQ(*(char *)arg, text[5]);
	return arg;
}

/* Fill the buffer while another thread reads it. */
__attribute__((noinline)) static void
with_reader(void *(*reader)(void *), int (*copy)(void *, const void *, size_t), int locks)
{
	pthread_t thread;
	char seen;

	CHECK_EQ(pthread_create(&thread, NULL, reader, &seen), 0);
	if (locks)
		pthread_mutex_lock(&lock);
	fill(shared, copy);
	if (locks) {
		filled = 1;
		pthread_mutex_unlock(&lock);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

__attribute__((noinline)) static void look_at(const char *p)
{
	CHECK_EQ(p[3], text[3]);
}

__attribute__((noinline)) static void with_heap(size_t size,
                                                int (*copy)(void *, const void *, size_t))
{
	char *p = malloc(size);

	CHECK(p);
	fill(p, copy);
	look_at(p);
	free(p);
}

static _Alignas(8) uint64_t counters[4];

static int expect_counts(void *arg, const void *buf, size_t len)
{
	static const uint64_t zero[4];

	CHECK(arg == counters);
	CHECK(memcmp(buf, zero, 8) != 0);
	return len == sizeof(counters) ? 0 : 1;
}

__attribute__((noinline)) static void write_counts(const uint64_t *p)
{
	struct rsh_writer w = {expect_counts, counters};

	CHECK_EQ(rsh_counters_write(p, 4, &w), 0);
}

__attribute__((noinline)) static void *count_plainly(void *arg)
{
	for (int i = 0; i < 4; i++)
		counters[i]++;
	return arg;
}

__attribute__((noinline)) static void *count_atomically(void *arg)
{
	for (int i = 0; i < 4; i++)
		__atomic_fetch_add(&counters[i], 1, __ATOMIC_RELAXED);
	return arg;
}

__attribute__((noinline)) static void with_counter(void *(*counter)(void *))
{
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		__atomic_store_n(&counters[i], 1000, __ATOMIC_RELAXED);
	CHECK_EQ(pthread_create(&thread, NULL, counter, NULL), 0);
	write_counts(counters);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(counters[3], 1001);
}

__attribute__((noinline)) static void with_heap_counters(size_t size, int initialised)
{
	uint64_t *p = malloc(size);

	CHECK(p);
	if (initialised)
		memset(p, 1, size);
	write_counts(p);
	free(p);
}

static void values(void)
{
	char copy[SIZE], other[SIZE];

	fill(copy, rsh_copy_out);
	CHECK(memcmp(copy, text, SIZE) == 0);
	memset(other, 0, SIZE);
	rsh_memcpy_sig(other, copy, SIZE);
	CHECK_EQ(rsh_memcmp_sig(other, text, SIZE), 0);
	CHECK(strcmp(rsh_version(), RSH_VERSION) == 0);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "values") == 0)
		values();
	else if (strcmp(name, "copy-race") == 0)
		with_reader(read_shared, rsh_copy_out, 0);
	else if (strcmp(name, "copy-locked") == 0)
		with_reader(read_locked, rsh_copy_out, 1);
	else if (strcmp(name, "copy-unannotated-race") == 0)
		with_reader(read_shared, copy_unannotated, 0);
	else if (strcmp(name, "copy-heap") == 0)
		with_heap(SIZE, rsh_copy_out);
	else if (strcmp(name, "copy-unannotated-heap") == 0)
		with_heap(SIZE, copy_unannotated);
	else if (strcmp(name, "copy-overflow") == 0)
		with_heap(SIZE - 8, rsh_copy_out);
	else if (strcmp(name, "copy-unannotated-overflow") == 0)
		with_heap(SIZE - 8, copy_unannotated);
	else if (strcmp(name, "counters-atomic") == 0)
		with_counter(count_atomically);
	else if (strcmp(name, "counters-race") == 0)
		with_counter(count_plainly);
	else if (strcmp(name, "counters-heap") == 0)
		with_heap_counters(sizeof(counters), 1);
	else if (strcmp(name, "counters-uninitialised") == 0)
		with_heap_counters(sizeof(counters), 0);
	else if (strcmp(name, "counters-overflow") == 0)
		with_heap_counters(sizeof(counters) - 8, 1);
	else
		return 2;
	return 0;
}
