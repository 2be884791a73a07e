/* SPDX-License-Identifier: BSD-2-Clause */
/* Who gets which slab, and what becomes of the counts in it. */

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <raceshim/detect.h>

#include "check.h"
#include "cover/edges_slabs.h"

#define EDGES   3000
#define THREADS 8

/* A link unit, with what the compiler and the registrar would bring. */
static uint32_t guards[EDGES];
static struct rsh_cover_slabs unit = {.guards = {guards, guards + EDGES}};
static _Thread_local uintptr_t mine;

static void count(size_t edge)
{
	if (mine)
		RSH_COVER_COUNT(mine, &guards[edge]);
	else
		rsh_cover_unit_count(&unit, &guards[edge], &mine);
}

static uint64_t counted(size_t edge)
{
	static uint64_t counts[EDGES];

	rshi_slabs_read_sig(&unit, counts);
	return counts[edge];
}

static void *count_thrice(void *edge)
{
	for (int i = 0; i < 3; i++)
		count((size_t)edge);
	return (void *)mine;
}

/* Returns the slab that the thread had. */
static uintptr_t in_thread(size_t edge)
{
	pthread_t thread;
	void *base;

	CHECK_EQ(pthread_create(&thread, NULL, count_thrice, (void *)edge), 0);
	CHECK_EQ(pthread_join(thread, &base), 0);
	return (uintptr_t)base;
}

/* pthread_join returns a moment before the kernel has forgotten the thread, hence not one slab. */
static void test_slabs_of_ended_threads_go_on(void)
{
	for (int i = 0; i < 1000; i++)
		in_thread(7);
	CHECK_EQ(counted(7), 3000);
	CHECK(unit.slabs <= 40);
}

static pthread_barrier_t all_have, all_looked;

static void *keep(void *base)
{
	count(8);
	*(uintptr_t *)base = mine;
	pthread_barrier_wait(&all_have);
	pthread_barrier_wait(&all_looked);
	count(8);
	return NULL;
}

static void test_threads_that_live_have_slabs_of_their_own(void)
{
	pthread_t threads[THREADS];
	uintptr_t bases[THREADS];

	CHECK_EQ(pthread_barrier_init(&all_have, NULL, THREADS + 1), 0);
	CHECK_EQ(pthread_barrier_init(&all_looked, NULL, THREADS + 1), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, keep, &bases[i]), 0);
	pthread_barrier_wait(&all_have);
	/* Those that look for one meanwhile get none of these. */
	for (int i = 0; i < 100; i++)
		in_thread(9);
	for (int i = 0; i < THREADS; i++)
		for (int k = 0; k < i; k++)
			CHECK(bases[i] != bases[k]);
	pthread_barrier_wait(&all_looked);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(counted(8), 2 * THREADS);
	CHECK_EQ(counted(9), 300);
}

/* Counts of edges far apart are on pages of their own, and stay where they belong. */
static void test_edges_do_not_mix(void)
{
	count(0);
	count(EDGES - 1);
	count(EDGES - 1);
	CHECK_EQ(counted(0), 1);
	CHECK_EQ(counted(1), 0);
	CHECK_EQ(counted(EDGES - 2), 0);
	CHECK_EQ(counted(EDGES - 1), 2);
}

/* The thread that forked goes on with its slab, which no new thread of the child may take. */
static void test_a_child_takes_no_slab_of_its_parent(void)
{
	uint64_t before = counted(10);
	pid_t child;
	int status;

	count(10);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		uintptr_t base = mine;

		for (int i = 0; i < 100; i++) {
			CHECK(in_thread(10) != base);
			count(10);
		}
		CHECK(mine == base);
		CHECK_EQ(counted(10), before + 1 + 400);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(counted(10), before + 1);
}

/* The child of a vfork shares the variable: what it was given is the parent's afterwards. */
static void *vfork_first(void *arg)
{
	pid_t child = vfork();
	uintptr_t base;
	int status;

	if (child == 0) {
		count(11);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	base = mine;
	for (int i = 0; i < 100; i++) {
		CHECK(in_thread(11) != mine);
		count(11);
	}
	CHECK(mine == base || !base);
	return arg;
}

static void test_a_vfork_childs_slab_stays_with_the_parent(void)
{
	pthread_t thread;
	uint64_t of_child;

	CHECK_EQ(pthread_create(&thread, NULL, vfork_first, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	/* Under ThreadSanitizer vfork is fork. */
	of_child = counted(11) - 400;
	CHECK(of_child == 0 || of_child == 1);
}

static pthread_barrier_t full;

static void *count_without_memory(void *counts)
{
	pthread_barrier_wait(&full);
	for (long i = 0; i < (long)counts; i++)
		count(12);
	CHECK(mine == 0 || counts == NULL);
	return NULL;
}

/* Detectors need memory at any time; they are left out. */
static void test_without_memory_the_guard_counts_and_stops(void)
{
	struct rlimit limit, none;
	struct rsh_cover_slabs saved = unit;
	pthread_t threads[2];

	if (RSH_HAS_TSAN || RSH_HAS_ASAN || RSH_HAS_MSAN)
		return;
	/* No slab of an ended thread either. */
	unit.first = NULL;
	unit.slabs = 0;
	guards[12] = UINT32_MAX - 15;
	CHECK_EQ(pthread_barrier_init(&full, NULL, 3), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, count_without_memory, (void *)5), 0);
	CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
	none = limit;
	none.rlim_cur = 1;
	CHECK_EQ(setrlimit(RLIMIT_AS, &none), 0);
	pthread_barrier_wait(&full);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(guards[12], UINT32_MAX - 5);
	for (int i = 0; i < 10; i++) {
		uintptr_t nobodys = 0;

		rsh_cover_unit_count(&unit, &guards[12], &nobodys);
		CHECK_EQ(nobodys, 0);
	}
	CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	CHECK_EQ(counted(12), UINT32_MAX);
	guards[12] = 0;
	unit = saved;
}

static int is_mapped(uintptr_t base)
{
	long page = sysconf(_SC_PAGESIZE);
	uintptr_t at = base + 2 * (uintptr_t)guards;
	unsigned char resident;

	return mincore((void *)(at - at % (uintptr_t)page), 1, &resident) == 0;
}

/* Only once another unit is where this one was, nothing of this one can run any more. */
static void test_slabs_of_unloaded_units_are_unmapped_when_replaced(void)
{
	static uint32_t elsewhere[4];
	struct rsh_cover_slabs other = {.guards = {elsewhere, elsewhere + 4}};
	struct rsh_cover_slabs same = {.guards = {guards + 5, guards + 9}};
	uintptr_t base;

	count(EDGES - 1);
	base = mine;
	CHECK(counted(EDGES - 1) > 0);
	rshi_slabs_forget_sig(&unit);
	CHECK(is_mapped(base));
	CHECK_EQ(counted(EDGES - 1), 0);
	count(EDGES - 1);
	rshi_slabs_reclaim_sig(&other);
	CHECK(is_mapped(base));
	rshi_slabs_reclaim_sig(&same);
	CHECK(!is_mapped(base));
	rshi_slabs_reclaim_sig(&same);
	mine = 0;
}

int main(void)
{
	test_slabs_of_ended_threads_go_on();
	test_threads_that_live_have_slabs_of_their_own();
	test_edges_do_not_mix();
	test_a_child_takes_no_slab_of_its_parent();
	test_a_vfork_childs_slab_stays_with_the_parent();
	test_without_memory_the_guard_counts_and_stops();
	test_slabs_of_unloaded_units_are_unmapped_when_replaced();
	return 0;
}
