/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the profiles call of the program's, its allocator and its writers, may call all functions of
 * the profiles, allocate, and wait: no lock is held then. With one of the profile's, this would wait
 * for itself; with one of those that counts are under, an object would be lost.
 */

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <raceshim/detect.h>
#include <raceshim/heapprof.h>

#include "own_allocator.h"
#include "waiting.h"

#define HOOKS   (RSH_HAS_TSAN || RSH_HAS_ASAN || RSH_HAS_MSAN)
#define SITES   400
#define THREADS 4
#define OBJECTS 100

static _Thread_local int inside; /* in what is called from there nothing is called */
static atomic_int entered;       /* so often */
static const struct rsh_lockprof_options all = {1, 1};

static void wait_in_vain(void)
{
	static const struct timespec past;
	sem_t never;

	CHECK_EQ(sem_init(&never, 0, 0), 0);
	CHECK_EQ(sem_timedwait(&never, &past), -1);
	CHECK_EQ(sem_destroy(&never), 0);
}

static void read_all(void)
{
	static _Thread_local struct rsh_heap_record sites[SITES];
	static _Thread_local struct rsh_lock_record waits[SITES];
	struct rsh_heapprof_stats stats;
	size_t got;

	CHECK_EQ(rsh_heapprof_stats(&stats), 0);
	CHECK_EQ(rsh_heapprof_read(sites, SITES, &got), 0);
	CHECK_EQ(rsh_blockprof_read(waits, SITES, &got), 0);
	CHECK_EQ(rsh_mutexprof_read(waits, SITES, &got), 0);
}

/* From the allocator. */
static void allocated(void)
{
	struct rsh_heapprof_stats stats;
	void *volatile p;
	int err = errno;

	if (inside++ == 0) {
		atomic_fetch_add(&entered, 1);
		/* The rate that there is: 0 while the profile begins. */
		CHECK_EQ(rsh_heapprof_stats(&stats), 0);
		CHECK_EQ(rsh_heapprof_rate(stats.rate), 0);
		p = malloc(50);
		read_all();
		free(p);
	}
	inside--;
	errno = err;
}

/* From a writer. */
static int written(void *arg, const void *buf, size_t n)
{
	size_t *bytes = arg;
	void *volatile p = malloc(60);
	int status;
	pid_t child;

	*bytes += buf ? n : 0;
	CHECK_EQ(rsh_heapprof_rate(1), 0);
	CHECK_EQ(rsh_lockprof_stop(), 0);
	CHECK_EQ(rsh_lockprof_start(&all), 0);
	wait_in_vain();
	read_all();
	child = fork();
	CHECK(child >= 0);
	if (!child)
		_exit(0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	free(p);
	return 0;
}

static void *allocate_some(void *arg)
{
	void *volatile p[10] = {0};

	for (size_t i = 0; i < OBJECTS; i++) {
		free(p[i % 10]);
		p[i % 10] = malloc(i);
		wait_in_vain();
	}
	for (size_t i = 0; i < 10; i++)
		free(p[i]);
	return arg;
}

int main(void)
{
	size_t bytes[2] = {0, 0};
	const struct rsh_writer heap = {written, &bytes[0]}, locks = {written, &bytes[1]};
	struct rsh_heapprof_stats stats;
	pthread_t threads[THREADS];
	int before;

	own_allocator_calls(allocated);
	CHECK_EQ(rsh_heapprof_rate(1), 0);
	/* A detector's functions are got to know by calling them. */
	CHECK(atomic_load(&entered) > 0 || !HOOKS);
	CHECK_EQ(rsh_lockprof_start(&all), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, allocate_some, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK(atomic_load(&entered) > THREADS * OBJECTS);
	/* To read needs none. */
	before = atomic_load(&entered);
	read_all();
	CHECK_EQ(atomic_load(&entered), before);
	CHECK_EQ(rsh_heapprof_write(&heap), 0);
	CHECK_EQ(rsh_lockprof_write(&locks), 0);
	CHECK(bytes[0] > 100 && bytes[1] > 100);
	CHECK_EQ(rsh_heapprof_stats(&stats), 0);
	CHECK(stats.sampled > THREADS * OBJECTS);
	CHECK_EQ(stats.lost, 0);
	return 0;
}
