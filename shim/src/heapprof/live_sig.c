/* SPDX-License-Identifier: BSD-2-Clause */
/* The objects that are followed: a table that grows. */

#include "core/sys.h"
#include "live.h"

#define FIRST_BITS 5  /* a page */
#define LAST_BITS  20 /* 7 million objects, in 128 MiB */

_Static_assert(sizeof(struct rshi_live_tags) == 16, "compared as one");

static size_t size_of(uint32_t bits)
{
	return (sizeof(struct rshi_live_tags) + RSHI_LIVE_TAGS * sizeof(struct rshi_live_entry))
	       << bits;
}

static void move(const struct rshi_live *from, struct rshi_live *to)
{
	for (size_t bucket = 0; bucket < (size_t)1 << from->bits; bucket++) {
		for (unsigned int at = 0; at < RSHI_LIVE_TAGS; at++) {
			const struct rshi_live_entry *e =
			        &from->entries[bucket * RSHI_LIVE_TAGS + at];

			if (from->tags[bucket].tag[at])
				*rshi_live_place(to, rshi_live_address(e)) = *e;
		}
	}
}

int rshi_live_grow_sig(struct rshi_live *live)
{
	struct rshi_live larger;
	void *mapped;

	larger.bits = live->tags ? live->bits + 1 : FIRST_BITS;
	larger.n = 0;
	if (larger.bits > LAST_BITS || rshi_mmap_sig(size_of(larger.bits), &mapped)) {
		/* It may become fuller, as long as there are free ones to find. */
		if (live->tags && live->n < ((size_t)RSHI_LIVE_TAGS << live->bits) / 8 * 7)
			return 0;
		return ENOMEM;
	}
	larger.tags = mapped;
	larger.entries = (void *)(larger.tags + ((size_t)1 << larger.bits));
	if (live->tags) {
		move(live, &larger);
		rshi_munmap_sig(live->tags, size_of(live->bits));
	}
	/* Relaxed: for who wants to have it near, and no more. */
	__atomic_store_n(&live->tags, larger.tags, __ATOMIC_RELAXED);
	__atomic_store_n(&live->entries, larger.entries, __ATOMIC_RELAXED);
	__atomic_store_n(&live->bits, larger.bits, __ATOMIC_RELAXED);
	return 0;
}
