/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_LIVE_H
#define RSH_HEAPPROF_LIVE_H

/*
 * Objects that are followed, by address. Who uses a table holds its lock.
 *
 * Seven objects have their place in a bucket, which has 15 bits of each one's hash side by side. So the
 * one that is looked for is found by a comparison of all at once, without a branch that depends on where
 * it is, and is in memory that comes along: a bucket is two lines of a cache, next to each other. An
 * object that finds its bucket full is in one behind it, and those that it has passed by count it. A
 * table that is well filled grows.
 *
 * An entry has two words, so there is what does not fit: addresses of more than 48 bits, sizes of 4 TiB
 * and more, which are refused, and counts of more than 16 digits, which are to be rounded before.
 */

#include <linux/errno.h>

#include "layer.h"
#include "live_tags.h"

#define RSHI_LIVE_FILLED    5 /* in a bucket, on average: enough */
#define RSHI_LIVE_CELL_BITS 19
#define RSHI_LIVE_CELLS     (1u << RSHI_LIVE_CELL_BITS)
#define RSHI_LIVE_DIGITS    16 /* of a count; behind them are zeros */

struct rshi_live_entry {
	uint64_t where; /* the address, in words; the number of the cell in the low bits */
	uint64_t what;  /* the size; how many zeros the count has; its digits */
};

struct rshi_live_bucket {
	_Alignas(128) struct rshi_live_tags tags;
	struct rshi_live_entry entries[RSHI_LIVE_TAGS];
};

static inline int rshi_live_fits(uintptr_t p, uint64_t size)
{
	return p % 8 == 0 && p >> 48 == 0 && size >> 42 == 0;
}

/* How many zeros a count has behind its digits. */
static inline unsigned int rshi_live_zeros(uint64_t count)
{
	return count >> RSHI_LIVE_DIGITS
	               ? 64 - RSHI_LIVE_DIGITS - (unsigned int)__builtin_clzll(count)
	               : 0;
}

static inline void rshi_live_pack(struct rshi_live_entry *e, uintptr_t p,
                                  const struct rshi_heap_object *object)
{
	unsigned int zeros = rshi_live_zeros(object->count);

	e->where = (uint64_t)p << (RSHI_LIVE_CELL_BITS - 3) | object->cell;
	e->what = object->size << 22 | (uint64_t)zeros << RSHI_LIVE_DIGITS | object->count >> zeros;
}

static inline uintptr_t rshi_live_address(const struct rshi_live_entry *e)
{
	return (uintptr_t)(e->where >> RSHI_LIVE_CELL_BITS << 3);
}

static inline void rshi_live_unpack(const struct rshi_live_entry *e,
                                    struct rshi_heap_object *object)
{
	object->cell = (uint32_t)e->where % RSHI_LIVE_CELLS;
	object->size = e->what >> 22;
	object->count = (e->what & ((1u << RSHI_LIVE_DIGITS) - 1))
	                << (e->what >> RSHI_LIVE_DIGITS & 63);
}

/* Zeros at first. */
struct rshi_live {
	struct rshi_live_bucket *buckets; /* NULL: there are none yet */
	uint32_t bits;                    /* of their number */
	uint32_t n;                       /* objects */
};

static inline uint64_t rshi_live_hash(uintptr_t p)
{
	return (p >> 3) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint16_t rshi_live_tag(uint64_t hash)
{
	return (uint16_t)(hash >> 16 | 1);
}

/* Where to look first; and next. */
static inline size_t rshi_live_home(const struct rshi_live *live, uint64_t hash)
{
	return hash >> (64 - live->bits);
}

static inline size_t rshi_live_next(const struct rshi_live *live, size_t bucket)
{
	return (bucket + 1) & (((size_t)1 << live->bits) - 1);
}

/* Have the memory near that is asked for soon; without the lock, so it may be the wrong one. */
static inline void rshi_live_prepare(const struct rshi_live *live, uintptr_t p)
{
	const char *buckets = (void *)__atomic_load_n(&live->buckets, __ATOMIC_RELAXED);
	size_t home =
	        rshi_live_hash(p) >> (64 - __atomic_load_n(&live->bits, __ATOMIC_RELAXED)) % 64;
	const char *bucket = buckets + home * sizeof(struct rshi_live_bucket);

	__builtin_prefetch(bucket, 1);
	__builtin_prefetch(bucket + sizeof(struct rshi_live_bucket) / 2, 1);
}

/* Find the entry of @p, and its bucket and place; NULL: it is not followed. */
static inline struct rshi_live_entry *rshi_live_find(const struct rshi_live *live, uintptr_t p,
                                                     size_t *bucket, unsigned int *at)
{
	uint64_t hash = rshi_live_hash(p);

	for (*bucket = rshi_live_home(live, hash);; *bucket = rshi_live_next(live, *bucket)) {
		struct rshi_live_bucket *b = &live->buckets[*bucket];
		uint32_t found = rshi_live_tags_find(&b->tags, rshi_live_tag(hash));

		for (; found; found &= found - 1) {
			struct rshi_live_entry *e;

			*at = rshi_live_tags_first(found);
			e = &b->entries[*at];
			if (e->where >> RSHI_LIVE_CELL_BITS == p >> 3)
				return e;
		}
		if (!b->tags.passed)
			return NULL;
	}
}

/* Make more room. Returns 0, or ENOMEM. */
int rshi_live_grow_sig(struct rshi_live *live);

/* A free entry for @p, which is not there, and is from now on. */
static inline struct rshi_live_entry *rshi_live_place(struct rshi_live *live, uintptr_t p)
{
	uint64_t hash = rshi_live_hash(p);
	size_t at = rshi_live_home(live, hash);
	struct rshi_live_bucket *b = &live->buckets[at];
	unsigned int tag;
	uint32_t found;

	while (!(found = rshi_live_tags_find(&b->tags, 0))) {
		rshi_live_tags_pass(&b->tags);
		at = rshi_live_next(live, at);
		b = &live->buckets[at];
	}
	tag = rshi_live_tags_first(found);
	b->tags.tag[tag] = rshi_live_tag(hash);
	live->n++;
	return &b->entries[tag];
}

/*
 * Follow @p. Returns 0, or ENOMEM. What is at @p already goes to *@stale, if its count is not 0: it was
 * freed by a function that nobody has told of.
 */
static inline int rshi_live_add(struct rshi_live *live, uintptr_t p,
                                const struct rshi_heap_object *object,
                                struct rshi_heap_object *stale)
{
	struct rshi_live_entry *e;
	unsigned int at;
	size_t bucket;

	stale->count = 0;
	if (!rshi_live_fits(p, object->size) ||
	    ((!live->buckets || live->n >> live->bits >= RSHI_LIVE_FILLED) &&
	     rshi_live_grow_sig(live)))
		return ENOMEM;
	e = rshi_live_find(live, p, &bucket, &at);
	if (e)
		rshi_live_unpack(e, stale);
	else
		e = rshi_live_place(live, p);
	rshi_live_pack(e, p, object);
	return 0;
}

/* Follow @p no more. Returns 1 with what it was, or 0. */
static inline int rshi_live_take(struct rshi_live *live, uintptr_t p,
                                 struct rshi_heap_object *object)
{
	const struct rshi_live_entry *e;
	size_t bucket, passed;
	unsigned int at;

	if (!live->buckets || !rshi_live_fits(p, 0))
		return 0;
	e = rshi_live_find(live, p, &bucket, &at);
	if (!e)
		return 0;
	rshi_live_unpack(e, object);
	live->buckets[bucket].tags.tag[at] = 0;
	live->n--;
	for (passed = rshi_live_home(live, rshi_live_hash(p)); passed != bucket;
	     passed = rshi_live_next(live, passed))
		rshi_live_tags_pass_no_more(&live->buckets[passed].tags);
	return 1;
}

#endif /* RSH_HEAPPROF_LIVE_H */
