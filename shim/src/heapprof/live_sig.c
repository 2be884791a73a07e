/* SPDX-License-Identifier: BSD-2-Clause */
/* The objects that are followed: a table that grows. */

#include "core/sys.h"
#include "live.h"

#define FIRST_BITS 5  /* a page */
#define LAST_BITS  20 /* 7 million objects, in 128 MiB */

_Static_assert(sizeof(struct rshi_live_tags) == 16, "compared as one");
_Static_assert(sizeof(struct rshi_live_bucket) == 128, "two lines");

static size_t size_of(uint32_t bits)
{
	return sizeof(struct rshi_live_bucket) << bits;
}

static void move(const struct rshi_live *from, struct rshi_live *to)
{
	for (size_t i = 0; i < (size_t)1 << from->bits; i++) {
		const struct rshi_live_bucket *b = &from->buckets[i];

		for (unsigned int at = 0; at < RSHI_LIVE_TAGS; at++) {
			const struct rshi_live_entry *e = &b->entries[at];

			if (b->tags.tag[at])
				*rshi_live_place(to, rshi_live_address(e)) = *e;
		}
	}
}

int rshi_live_grow_sig(struct rshi_live *live)
{
	struct rshi_live larger;
	void *mapped;

	larger.bits = live->buckets ? live->bits + 1 : FIRST_BITS;
	larger.n = 0;
	if (larger.bits > LAST_BITS || rshi_mmap_sig(size_of(larger.bits), &mapped)) {
		/* It may become fuller, as long as there are free ones to find. */
		if (live->buckets && live->n < ((size_t)RSHI_LIVE_TAGS << live->bits) / 8 * 7)
			return 0;
		return ENOMEM;
	}
	larger.buckets = mapped;
	if (live->buckets) {
		move(live, &larger);
		rshi_munmap_sig(live->buckets, size_of(live->bits));
	}
	/* Relaxed: for who wants to have it near, and no more. */
	__atomic_store_n(&live->buckets, larger.buckets, __ATOMIC_RELAXED);
	__atomic_store_n(&live->bits, larger.bits, __ATOMIC_RELAXED);
	return 0;
}
