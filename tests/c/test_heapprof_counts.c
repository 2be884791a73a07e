/* SPDX-License-Identifier: BSD-2-Clause */
/* What the heap profile counts and follows, against a list of what it should. */

#include <stdint.h>
#include <stdlib.h>

#include "allocations.h"
#include "check.h"
#include "heapprof/chance.h"
#include "heapprof/counts.h"
#include "heapprof/live.h"

#define OBJECTS 20000
#define STEPS   400000
#define CELLS   3000

static struct {
	uintptr_t p;
	struct rshi_heap_object object; /* of count 0: it is not there */
} model[OBJECTS];
static struct rshi_heap_counts truth[CELLS];
static uint64_t seed;

/* Near each other, as an allocator's; far away; and each another one. */
static void choose_addresses(void)
{
	for (size_t i = 0; i < OBJECTS; i++)
		model[i].p = i % 10 ? 0x7f0000000000 + 16 * i + i % 2 * 8
		                    : (rshi_chance_sig(&seed) >> 16 | 1) << 3 << 25 >> 25;
}

static void add(size_t i)
{
	struct rshi_heap_object *o = &model[i].object;

	/* One of which nobody has told that it was freed. */
	if (o->count) {
		truth[o->cell].free_objects += o->count;
		truth[o->cell].free_bytes += o->count * o->size;
	}
	o->cell = (uint32_t)(rshi_chance_sig(&seed) % CELLS);
	o->size = rshi_chance_sig(&seed) >> (22 + rshi_chance_sig(&seed) % 42);
	o->count = rshi_counts_rounded_sig(
	        &seed, 1 + (rshi_chance_sig(&seed) >> (24 + rshi_chance_sig(&seed) % 40)));
	truth[o->cell].alloc_objects += o->count;
	truth[o->cell].alloc_bytes += o->count * o->size;
	rshi_counts_add_sig((void *)model[i].p, o);
}

static void count_gone(struct rshi_heap_object *o)
{
	if (o->count) {
		truth[o->cell].free_objects += o->count;
		truth[o->cell].free_bytes += o->count * o->size;
	}
	o->count = 0;
}

static void take(size_t i, uint64_t what)
{
	struct rshi_heap_object *o = &model[i].object, found;
	void *p = (void *)model[i].p;

	if (what % 2) {
		CHECK_EQ(rshi_counts_free_sig(p), o->count != 0);
		count_gone(o);
		return;
	}
	CHECK_EQ(rshi_counts_take_sig(p, &found), o->count != 0);
	if (!o->count)
		return;
	CHECK_EQ(found.count, o->count);
	CHECK_EQ(found.size, o->size);
	CHECK_EQ(found.cell, o->cell);
	if (what % 4) {
		rshi_counts_back_sig(p, &found);
	} else {
		rshi_counts_gone_sig(p, &found);
		count_gone(o);
	}
}

static void check_counts(void)
{
	uint64_t added, live, there = 0;

	for (uint32_t cell = 0; cell < CELLS; cell++) {
		struct rshi_heap_counts counts;

		rshi_counts_read_sig(cell, &counts);
		CHECK_EQ(counts.alloc_objects, truth[cell].alloc_objects);
		CHECK_EQ(counts.alloc_bytes, truth[cell].alloc_bytes);
		CHECK_EQ(counts.free_objects, truth[cell].free_objects);
		CHECK_EQ(counts.free_bytes, truth[cell].free_bytes);
	}
	for (size_t i = 0; i < OBJECTS; i++)
		there += model[i].object.count != 0;
	rshi_counts_sums_sig(&added, &live);
	CHECK_EQ(live, there);
	CHECK(added >= live);
	CHECK_EQ(rshi_counts_lost_sig(), 0);
}

/* More come than go, then more go than come. */
static void test_objects_are_followed(void)
{
	for (int i = 0; i < STEPS; i++) {
		uint64_t what = rshi_chance_sig(&seed);
		size_t at = (what >> 8) % OBJECTS;

		if ((i / (STEPS / 4) % 2 ? what >> 40 & 7 : what >> 40 & 1) == 0)
			add(at);
		else
			take(at, what);
		if (i % (STEPS / 8) == 0)
			check_counts();
	}
	check_counts();
	for (size_t i = 0; i < OBJECTS; i++)
		take(i, 1);
	check_counts();
}

/* Those that are too long to be kept, and those that are just not. */
static void test_counts_are_rounded_without_bias(void)
{
	for (unsigned int bits = 1; bits < 41; bits++) {
		uint64_t count = (UINT64_C(1) << bits) - 1 - (bits > 20 ? 12345 : 0);
		double mean = 0;

		for (int i = 0; i < 4000; i++) {
			uint64_t rounded = rshi_counts_rounded_sig(&seed, count);
			struct rshi_heap_object object = {.count = rounded, .size = 1}, kept;
			struct rshi_live_entry entry;

			rshi_live_pack(&entry, 8, &object);
			rshi_live_unpack(&entry, &kept);
			CHECK(kept.count == rounded);
			CHECK(bits > RSHI_LIVE_DIGITS || rounded == count);
			mean += (double)rounded / 4000;
		}
		/* One step is 2^-15 of it; the mean of so many is much nearer. */
		CHECK(mean > (double)count * (1 - 2e-6) && mean < (double)count * (1 + 2e-6));
	}
}

static void test_what_cannot_be_kept_is_refused(void)
{
	struct rshi_heap_object object = {.count = 1, .size = UINT64_C(1) << 42};
	struct rshi_heap_object found;

	rshi_counts_add_sig((void *)4096, &object);
	CHECK_EQ(rshi_counts_lost_sig(), 1);
	object.size--;
	rshi_counts_add_sig((void *)(UINT64_C(1) << 48), &object);
	rshi_counts_add_sig((void *)4097, &object);
	CHECK_EQ(rshi_counts_lost_sig(), 3);
	rshi_counts_add_sig((void *)4096, &object);
	CHECK(!rshi_counts_take_sig((void *)4097, &found));
	CHECK(!rshi_counts_take_sig(NULL, &found));
	CHECK(!rshi_counts_free_sig(NULL));
	CHECK(rshi_counts_take_sig((void *)4096, &found));
	CHECK_EQ(found.size, object.size);
	rshi_counts_gone_sig((void *)4096, &found);
	CHECK_EQ(rshi_counts_lost_sig(), 3);
}

#define AROUND UINT64_C(0x600000000000)

static int refused;

/* In the middle of the counts, with their lock. */
static void count_within(void)
{
	const struct rshi_heap_object object = {.size = 1, .count = 1, .cell = 1};
	void *within = (void *)(AROUND + 8);
	uint64_t before = rshi_counts_lost_sig();
	struct rshi_heap_object found;
	struct rshi_heap_counts counts;

	rshi_counts_add_sig(within, &object);
	CHECK(!rshi_counts_free_sig(within));
	CHECK(!rshi_counts_take_sig(within, &found));
	rshi_counts_back_sig(within, &object);
	rshi_counts_gone_sig(within, &object);
	CHECK_EQ(rshi_counts_lost_sig(), before + 5);
	/* Of elsewhere all is well. */
	rshi_counts_add_sig((void *)4096, &object);
	CHECK(rshi_counts_free_sig((void *)4096));
	CHECK_EQ(rshi_counts_lost_sig(), before + 5);
	rshi_counts_read_sig(object.cell, &counts);
	refused++;
}

/* So an allocation by who has the lock, or in a handler meanwhile, is lost and not waited for. */
static void test_nobody_waits_for_itself(void)
{
	struct rshi_heap_object object = {.size = 1, .count = 1, .cell = 1};

	/* Elsewhere there is memory for it. */
	rshi_counts_add_sig((void *)4096, &object);
	CHECK(rshi_counts_free_sig((void *)4096));
	object.cell = RSHI_LIVE_CELLS - 1;
	allocations.during = count_within;
	rshi_counts_add_sig((void *)AROUND, &object);
	allocations.during = NULL;
	CHECK(refused > 0);
	CHECK(rshi_counts_free_sig((void *)AROUND));
}

int main(void)
{
	choose_addresses();
	test_objects_are_followed();
	test_counts_are_rounded_without_bias();
	test_what_cannot_be_kept_is_refused();
	test_nobody_waits_for_itself();
	return 0;
}
