/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap profile without memory: an error or a count, never a crash or a number that is wrong. */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "heap_sites.h"
#include "refusing.h"

#define OBJECTS 30000
#define CALLS   12 /* of the kernel's, which so many objects lead to at most */

static void *volatile made[OBJECTS];

/* Many stacks, so that they need memory too: one for each way through this. */
__attribute__((noinline)) static void *make(unsigned int path, int depth)
{
	void *p;

	if (!depth)
		return malloc(40);
	/* Two calls, which a compiler is not to make one of. */
	if (path & 1) {
		__asm__ volatile("nop" : "+r"(path));
		p = make(path >> 1, depth - 1);
		__asm__ volatile("nop" : "+r"(p));
	} else {
		p = make(path >> 1, depth - 1);
	}
	*(volatile char *)p = (char)depth;
	return p;
}

static void check_numbers(uint64_t objects)
{
	static struct rsh_heap_record records[SITES];
	struct rsh_heapprof_stats stats;
	uint64_t sum = 0;
	size_t got = 0;

	CHECK_EQ(rsh_heapprof_stats(&stats), 0);
	CHECK_EQ(rsh_heapprof_read(records, SITES, &got), 0);
	for (size_t i = 0; i < got; i++) {
		CHECK(records[i].alloc_objects >= records[i].free_objects);
		CHECK_EQ(!records[i].n, !!(records[i].flags & RSH_HEAPPROF_OVERFLOW));
		sum += records[i].alloc_objects;
	}
	/* All that was allocated is in one of the two. */
	CHECK_EQ(sum, stats.sampled);
	CHECK(sum + stats.lost >= objects);
	CHECK(sum + stats.lost < objects + 1000);
}

/* Returns whether something was refused. */
static int profile(void)
{
	const size_t refused = allocations.fail_at + allocations.fail_from; /* one of them is 0 */
	struct rsh_heapprof_stats before, after;
	int err = rsh_heapprof_rate(1);

	if (err) {
		CHECK_EQ(err, ENOMEM);
		CHECK_EQ(rsh_heapprof_stats(&before), 0);
		CHECK_EQ(before.rate, 0);
		allocations.fail_at = 0;
		allocations.fail_from = 0;
		CHECK_EQ(rsh_heapprof_rate(1), 0);
	}
	CHECK_EQ(rsh_heapprof_stats(&before), 0);
	for (unsigned int i = 0; i < OBJECTS; i++)
		made[i] = make(i, 12);
	check_numbers(OBJECTS);
	for (unsigned int i = 0; i < OBJECTS; i++)
		free(made[i]);
	check_numbers(OBJECTS);
	CHECK_EQ(rsh_heapprof_stats(&after), 0);
	CHECK(after.stacks > 4000 || allocations.fail_at || allocations.fail_from);
	CHECK(after.live <= before.live + 100);
	return allocations.calls >= refused;
}

int main(void)
{
	int refused = 0;

	for (size_t n = 1; n <= CALLS; n++) {
		refused += with_refusals(n, 0, profile);
		refused += with_refusals(0, n, profile);
	}
	CHECK(refused >= 10);
	CHECK(!with_refusals(1000, 0, profile));
	return 0;
}
