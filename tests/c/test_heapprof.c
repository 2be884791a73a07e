/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap profile: what every function counts, what is read, and that estimates are right. */

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <raceshim/detect.h>

#include "heap_sites.h"

#define THREADS 8
#define MANY    1000000
#define KEPT    4096

/* A detector tells of allocations, and takes ones that are too large for mistakes. */
#define HOOKS (RSH_HAS_TSAN || RSH_HAS_ASAN || RSH_HAS_MSAN)

/* Functions that are looked for in stacks: apart from each other and from the rest of the code. */
#define SITE __attribute__((noinline, aligned(4096), section("sites"))) static

static void *volatile kept[KEPT];

SITE void by_malloc(void)
{
	for (size_t i = 0; i < 10; i++)
		kept[i] = malloc(100 + i);
}

SITE void by_calloc(void)
{
	for (size_t i = 0; i < 10; i++)
		kept[10 + i] = calloc(3, 7);
	CHECK_EQ(((char *)kept[15])[20], 0);
}

SITE void by_realloc(void)
{
	for (size_t i = 0; i < 10; i++)
		kept[i] = realloc(kept[i], i % 2 ? 50000 : 5000);
	kept[20] = realloc(NULL, 9);
}

SITE void by_reallocarray(void)
{
	kept[20] = reallocarray(kept[20], 30, 5);
	if (!HOOKS) {
		volatile size_t too_many = SIZE_MAX / 2;

		CHECK(!reallocarray(kept[20], too_many, 3));
	}
}

SITE void by_strdup(void)
{
	kept[21] = strdup("twelve bytes");
	kept[22] = strndup("twelve bytes", 4);
}

SITE void by_aligned_functions(void)
{
	void *p = NULL;

	CHECK_EQ(posix_memalign(&p, 64, 33), 0);
	kept[23] = p;
	kept[24] = aligned_alloc(64, 128);
	kept[25] = memalign(256, 65);
	kept[26] = valloc(66);
	kept[27] = pvalloc(67);
}

SITE void by_nothing(void)
{
	kept[28] = malloc(0);
	kept[29] = calloc(0, 5);
}

/* Too large for any memory there is, and then one that is not. */
SITE void by_failing(void)
{
	volatile size_t too_large = PTRDIFF_MAX;
	void *volatile p;

	if (!HOOKS) {
		p = malloc(too_large);
		CHECK(!p);
		kept[30] = malloc(12);
		p = realloc(kept[30], too_large);
		CHECK(!p);
	} else {
		kept[30] = malloc(12);
	}
	kept[31] = malloc(13);
}

static void test_every_function_counts(void)
{
	CHECK_EQ(rsh_heapprof_rate(1), 0);
	by_malloc();
	CHECK_SITE(by_malloc, 10, 1045, 0, 0);
	by_calloc();
	CHECK_SITE(by_calloc, 10, 210, 0, 0);
	by_realloc();
	CHECK_SITE(by_malloc, 10, 1045, 10, 1045);
	CHECK_SITE(by_realloc, 11, 275009, 0, 0);
	by_reallocarray();
	CHECK_SITE(by_realloc, 11, 275009, 1, 9);
	/* TSan of clang 19 says 30 bytes. */
	CHECK_EQ(heap_under((void *)by_reallocarray).alloc_objects, 1);
	if (!RSH_HAS_TSAN)
		CHECK_SITE(by_reallocarray, 1, 150, 0, 0);
	by_strdup();
	CHECK_SITE(by_strdup, 2, 18, 0, 0);
	by_aligned_functions();
	/* TSan calls its hooks for none of them; nor is it told that they are freed. */
	if (!RSH_HAS_TSAN)
		CHECK_SITE(by_aligned_functions, 5, HOOKS ? 4388 : 359, 0, 0);
	by_nothing();
	CHECK_EQ(heap_under((void *)by_nothing).alloc_objects, 2);
	by_failing();
	CHECK_SITE(by_failing, 2, 25, 0, 0);
	for (size_t i = 0; i < 32; i++)
		free(kept[i]);
	CHECK_SITE(by_realloc, 11, 275009, 11, 275009);
	CHECK_SITE(by_calloc, 10, 210, 10, 210);
	CHECK_SITE(by_strdup, 2, 18, 2, 18);
	CHECK_SITE(by_failing, 2, 25, 2, 25);
	if (!RSH_HAS_TSAN)
		CHECK_EQ(heap_under((void *)by_aligned_functions).free_objects, 5);
}

/* The program's call is the leaf of every stack, however deep the hook was. */
static void test_stacks_begin_in_the_program(void)
{
	void *const functions[] = {(void *)by_malloc, (void *)by_calloc, (void *)by_realloc,
	                           (void *)by_reallocarray, (void *)by_failing};

	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		CHECK(heap_under(functions[i]).n >= 1);
		CHECK_EQ(heap_under(functions[i]).flags, 0);
	}
}

/* Neither an object from before the profile, nor one that was made while it was off. */
static void test_foreign_objects(void)
{
	struct rsh_heapprof_stats before, after;
	void *volatile p;

	CHECK_EQ(rsh_heapprof_rate(0), 0);
	CHECK_EQ(rsh_heapprof_stats(&before), 0);
	CHECK_EQ(before.rate, 0);
	p = malloc(77);
	CHECK_EQ(rsh_heapprof_rate(1), 0);
	free(p);
	p = malloc(77);
	CHECK_EQ(rsh_heapprof_rate(0), 0);
	free(p);
	free(NULL);
	CHECK_EQ(rsh_heapprof_stats(&after), 0);
	CHECK_EQ(after.sampled, before.sampled + 1);
	CHECK_EQ(after.live, before.live);
	CHECK_EQ(after.lost, 0);
	CHECK_EQ(after.hooks != 0, HOOKS);
	CHECK_EQ(after.layer, !after.hooks);
}

__attribute__((noinline)) static int recurse(int depth)
{
	volatile int result = 0;

	if (depth)
		result = recurse(depth - 1);
	else
		kept[0] = malloc(1);
	return result + 1;
}

static void test_stacks_of_every_depth(void)
{
	static struct rsh_heap_record records[SITES];
	uint64_t objects = 0, cut = 0, deepest = 0;
	size_t got = 0;

	CHECK_EQ(rsh_heapprof_rate(1), 0);
	for (int depth = 60; depth < 200; depth++) {
		recurse(depth);
		free(kept[0]);
	}
	CHECK_EQ(rsh_heapprof_rate(0), 0);
	/* Of an array that has been used before nothing is left over. */
	for (int round = 0; round < 2; round++) {
		memset(records, 0xff, sizeof(records));
		CHECK_EQ(rsh_heapprof_read(records, SITES, &got), 0);
		for (size_t i = 0; i < got; i++) {
			CHECK(records[i].n >= 1 && records[i].n <= RSH_HEAPPROF_DEPTH);
			for (uint32_t k = 0; k < RSH_HEAPPROF_DEPTH; k++)
				CHECK_EQ(records[i].pcs[k] != 0, k < records[i].n);
			CHECK(records[i].flags <= RSH_HEAPPROF_CUT);
		}
		for (size_t i = got * sizeof(*records); i < sizeof(records); i++)
			CHECK_EQ(((unsigned char *)records)[i], 0xff);
	}
	for (size_t i = 0; i < got; i++) {
		if (records[i].n < 60)
			continue;
		objects += records[i].alloc_objects;
		cut += records[i].flags ? records[i].alloc_objects : 0;
		deepest += records[i].n == RSH_HEAPPROF_DEPTH && !records[i].flags;
		CHECK(!records[i].flags || records[i].n == RSH_HEAPPROF_DEPTH);
	}
	/* One stack fills the array and is whole; all deeper ones are cut. */
	CHECK_EQ(deepest, 1);
	CHECK_EQ(objects, 140);
	CHECK(cut > 60 && cut < 80);
}

static void test_an_array_that_is_too_short(void)
{
	static struct rsh_heap_record records[SITES];
	size_t need = 0, got = 0;

	CHECK_EQ(rsh_heapprof_read(NULL, 0, &need), ERANGE);
	CHECK(need > 70 && need < SITES);
	memset(records, 0xa5, sizeof(records));
	CHECK_EQ(rsh_heapprof_read(records, need - 1, &got), ERANGE);
	CHECK_EQ(got, need);
	for (size_t i = 0; i < sizeof(records); i++)
		CHECK_EQ(((unsigned char *)records)[i], 0xa5);
	CHECK_EQ(rsh_heapprof_read(records, need, &got), 0);
	CHECK(got <= need && got > 70);
	CHECK_EQ(rsh_heapprof_read(records, need, NULL), EINVAL);
	CHECK_EQ(rsh_heapprof_read(NULL, need, &got), EINVAL);
	CHECK_EQ(rsh_heapprof_stats(NULL), EINVAL);
	CHECK_EQ(rsh_heapprof_rate(RSH_HEAPPROF_RATE_MAX + 1), EINVAL);
	CHECK(!rsh_heapprof_layer(0));
}

static uint64_t random_of(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* From 16 bytes to 8000, and as many of each size. */
static size_t size_of(uint64_t *state)
{
	uint64_t r = random_of(state);

	return (size_t)(16 << r % 9) + (r >> 20 & 15);
}

struct truth {
	uint64_t objects, bytes, freed, freed_bytes;
};

SITE void by_mixed(struct truth *truth, size_t n)
{
	static size_t sizes[KEPT];
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < n; i++) {
		size_t at = random_of(&state) % KEPT, size = size_of(&state);

		if (kept[at]) {
			truth->freed++;
			truth->freed_bytes += sizes[at];
		}
		free(kept[at]);
		kept[at] = malloc(size);
		sizes[at] = size;
		truth->objects++;
		truth->bytes += size;
	}
}

static void check_near(uint64_t estimate, uint64_t truth)
{
	if (estimate < truth * 0.95 || estimate > truth * 1.05)
		fprintf(stderr, "%llu is not near %llu\n", (unsigned long long)estimate,
		        (unsigned long long)truth);
	CHECK(estimate >= truth * 0.95 && estimate <= truth * 1.05);
}

static void test_estimates_are_near_the_truth(void)
{
	struct rsh_heap_record now, later;
	struct truth truth = {0};

	memset((void *)kept, 0, sizeof(kept));
	CHECK_EQ(rsh_heapprof_rate(4096), 0);
	by_mixed(&truth, MANY / 2);
	/* What was counted stays when the rate changes, and what comes is added at its own. */
	now = heap_under((void *)by_mixed);
	CHECK_EQ(rsh_heapprof_rate(2000), 0);
	later = heap_under((void *)by_mixed);
	CHECK_EQ(memcmp(&now, &later, sizeof(now)), 0);
	by_mixed(&truth, MANY / 2);
	CHECK_EQ(rsh_heapprof_rate(0), 0);
	now = heap_under((void *)by_mixed);
	CHECK_EQ(rsh_heapprof_rate(RSH_HEAPPROF_RATE), 0);
	later = heap_under((void *)by_mixed);
	CHECK_EQ(memcmp(&now, &later, sizeof(now)), 0);
	CHECK_EQ(rsh_heapprof_rate(0), 0);
	check_near(now.alloc_bytes, truth.bytes);
	check_near(now.alloc_objects, truth.objects);
	check_near(now.free_bytes, truth.freed_bytes);
	check_near(now.free_objects, truth.freed);
	for (size_t i = 0; i < KEPT; i++)
		free(kept[i]);
	later = heap_under((void *)by_mixed);
	CHECK_EQ(later.free_objects, later.alloc_objects);
	CHECK_EQ(later.free_bytes, later.alloc_bytes);
	CHECK_EQ(later.alloc_bytes, now.alloc_bytes);
}

static atomic_int stop;
static pthread_key_t key;
static atomic_uint_fast64_t handed_on; /* an object of another thread's */

SITE void by_thread(uint64_t *state)
{
	void *mine[16] = {0};

	for (int i = 0; i < 200; i++) {
		size_t at = random_of(state) % 16;

		free(mine[at]);
		mine[at] = i % 3 ? malloc(size_of(state)) : calloc(1, size_of(state));
		mine[at] = (void *)(uintptr_t)atomic_exchange(&handed_on, (uintptr_t)mine[at]);
	}
	for (int i = 0; i < 16; i++)
		free(mine[i]);
}

SITE void *churn(void *arg)
{
	uint64_t state = (uintptr_t)arg * 2654435761 + 1;

	/* Freed when the thread ends, and another one then. */
	CHECK_EQ(pthread_setspecific(key, malloc(24)), 0);
	while (!atomic_load(&stop))
		by_thread(&state);
	return NULL;
}

SITE void at_thread_end(void *p)
{
	free(p);
	p = malloc(25);
	*(volatile char *)p = 1;
	free(p);
}

/* heap_under() holds alloc >= free of every record of every reading. */
static void test_threads(void)
{
	struct rsh_heapprof_stats stats;
	pthread_t threads[THREADS];
	struct rsh_heap_record sum;
	uint64_t last = 0;

	CHECK_EQ(pthread_key_create(&key, at_thread_end), 0);
	CHECK_EQ(rsh_heapprof_rate(1), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, churn, (void *)i), 0);
	for (int round = 0; round < 100; round++) {
		sum = heap_under((void *)by_thread);
		CHECK(sum.alloc_objects >= last);
		last = sum.alloc_objects;
		/* Children have what there was, and go on. */
		if (round % 20 == 0) {
			pid_t child = fork();
			int status = 1;

			CHECK(child >= 0);
			if (!child) {
				uint64_t state = 1;

				/* An older TSan forks with the locks of its allocator. */
				if (!RSH_HAS_TSAN)
					by_thread(&state);
				sum = heap_under((void *)by_thread);
				_exit(sum.alloc_objects < last + (RSH_HAS_TSAN ? 0 : 200));
			}
			CHECK_EQ(waitpid(child, &status, 0), child);
			CHECK_EQ(status, 0);
		}
		CHECK_EQ(rsh_heapprof_rate(round % 2 ? 1 : 3), 0);
	}
	CHECK_EQ(rsh_heapprof_rate(1), 0);
	atomic_store(&stop, 1);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	free((void *)(uintptr_t)atomic_load(&handed_on));
	sum = heap_under((void *)by_thread);
	CHECK(sum.alloc_objects > 1000);
	CHECK_EQ(sum.alloc_objects, sum.free_objects);
	CHECK_EQ(sum.alloc_bytes, sum.free_bytes);
	CHECK_SITE(at_thread_end, THREADS, 25 * THREADS, THREADS, 25 * THREADS);
	CHECK_EQ(heap_under((void *)churn).alloc_objects - sum.alloc_objects, THREADS);
	CHECK_EQ(heap_under((void *)churn).free_objects - sum.free_objects, THREADS);
	CHECK_EQ(rsh_heapprof_stats(&stats), 0);
	CHECK_EQ(stats.lost, 0);
	CHECK_EQ(rsh_heapprof_rate(0), 0);
}

static pthread_barrier_t turn;

SITE void by_one_that_is_told(void)
{
	for (int i = 0; i < 10; i++) {
		void *volatile p = malloc(33);

		free(p);
		p = calloc(3, 11);
		free(p);
	}
}

static void *allocate_in_turns(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		by_one_that_is_told();
		pthread_barrier_wait(&turn);
		pthread_barrier_wait(&turn);
	}
	return NULL;
}

/* Threads learn of a rate with the next allocation, also those that there are already. */
static void test_a_rate_is_everybodys(void)
{
	static const uint64_t rates[] = {1, 0, 1, 0};
	pthread_t threads[2];

	CHECK_EQ(pthread_barrier_init(&turn, NULL, 3), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, allocate_in_turns, NULL), 0);
	for (uint64_t i = 0; i < 4; i++) {
		pthread_barrier_wait(&turn);
		CHECK_EQ(heap_under((void *)by_one_that_is_told).alloc_objects, (i + 1) / 2 * 40);
		CHECK_EQ(rsh_heapprof_rate(rates[i]), 0);
		pthread_barrier_wait(&turn);
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_SITE(by_one_that_is_told, 80, 33 * 80, 80, 33 * 80);
}

int main(void)
{
	test_every_function_counts();
	test_stacks_begin_in_the_program();
	test_foreign_objects();
	test_stacks_of_every_depth();
	test_an_array_that_is_too_short();
	test_threads();
	test_a_rate_is_everybodys();
	test_estimates_are_near_the_truth();
	return 0;
}
