/* SPDX-License-Identifier: BSD-2-Clause */
/* What is counted under each site, and the objects that are followed. */

#include <asm/unistd.h>

#include "chance.h"
#include "core/sys.h"
#include "counts.h"
#include "profile.h"

#define SHARDS      64
#define REGION_BITS 21 /* of the addresses in a region, which are in one shard */
#define CHUNK       1024
#define CHUNKS      (RSHI_LIVE_CELLS / CHUNK)
#define SPINS       200
#define NAP         100000 /* nanoseconds */

/* Of some of the addresses: the objects that are followed there, and what was counted of them. */
static _Alignas(64) struct shard {
	uint32_t lock; /* atomic */
	/* guarded by it */
	uint64_t added;
	uint64_t gone;
	struct rshi_live live;
	/* by the number of the site; stored by who holds the lock, NULL: nothing was counted yet */
	struct rshi_heap_counts *chunks[CHUNKS];
} shards[SHARDS];

static uint64_t lost; /* atomic */

static __thread struct {
	uint32_t is_busy; /* in here already, in what a handler has interrupted */
	uint32_t has_all; /* between a fork's handlers */
} this_thread __attribute__((tls_model("initial-exec")));

static struct shard *shard_of(const void *p)
{
	return &shards[((uintptr_t)p >> REGION_BITS) * UINT64_C(0x9e3779b97f4a7c15) >> 58];
}

static int try_shard(struct shard *s)
{
	uint32_t free = 0;

	/* The only thread need not keep others out, only what it is itself in the middle of. */
	if (rshi_heap_is_only_thread()) {
		if (__atomic_load_n(&s->lock, __ATOMIC_RELAXED))
			return 0;
		__atomic_store_n(&s->lock, 1, __ATOMIC_RELAXED);
		return 1;
	}
	/* [HS1] acquire, pairs with [HS2]: sees what the last holder did */
	return __atomic_compare_exchange_n(&s->lock, &free, 1, 0, __ATOMIC_ACQUIRE,
	                                   __ATOMIC_RELAXED);
}

static __attribute__((noinline)) int wait_for_shard(struct shard *s, int for_ever)
{
	for (unsigned int i = 1; !try_shard(s); i++) {
		if (i % SPINS)
			continue;
		if (!for_ever)
			return 0;
		/* Held for a moment, unless the holder does not run: then sleep, so that it does. */
		rshi_futex_wait_sig(&s->lock, 1, NAP);
	}
	return 1;
}

static void release_shard(struct shard *s)
{
	/* [HS2] release, pairs with [HS1]: what the holder did */
	__atomic_store_n(&s->lock, 0, __ATOMIC_RELEASE);
}

/* Returns 0 where this thread, interrupted by a handler, may have the lock itself. */
static inline int enter(struct shard *s)
{
	uint32_t is_busy = this_thread.is_busy++;

	__asm__ volatile("" ::: "memory");
	if (this_thread.has_all || try_shard(s) || wait_for_shard(s, !is_busy))
		return 1;
	this_thread.is_busy = is_busy;
	return 0;
}

static inline void leave(struct shard *s)
{
	if (!this_thread.has_all)
		release_shard(s);
	__asm__ volatile("" ::: "memory");
	this_thread.is_busy--;
}

static void lose(void)
{
	__atomic_fetch_add(&lost, 1, __ATOMIC_RELAXED);
}

static inline int enter_or_lose(struct shard *s)
{
	if (enter(s))
		return 1;
	lose();
	return 0;
}

static void count_page(const void *p, int more)
{
	unsigned char *page = &rshi_heap_gate_sig->pages[rshi_heap_page(p)];
	unsigned char n = __atomic_load_n(page, __ATOMIC_RELAXED);

	/* What is many stays so, since nobody knows how many. */
	while (n != RSHI_HEAP_MANY &&
	       !__atomic_compare_exchange_n(page, &n, (unsigned char)(n + more), 0,
	                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* In a shard that is locked, as the following. Of a cell where something was counted. */
static inline struct rshi_heap_counts *counts_of(const struct shard *s, uint32_t cell)
{
	return &s->chunks[cell / CHUNK][cell % CHUNK];
}

/* Of any cell; NULL if there is no memory. */
static inline struct rshi_heap_counts *counts_for(struct shard *s, uint32_t cell)
{
	struct rshi_heap_counts **chunk = &s->chunks[cell / CHUNK];
	void *mine;

	if (!*chunk) {
		if (rshi_mmap_sig(CHUNK * sizeof(**chunk), &mine))
			return NULL;
		/* Relaxed: the kernel's zeros; who has not seen it sees that nothing was counted. */
		__atomic_store_n(chunk, mine, __ATOMIC_RELAXED);
	}
	return *chunk + cell % CHUNK;
}

static inline void count_gone(struct shard *s, const struct rshi_heap_object *object)
{
	struct rshi_heap_counts *counts = counts_of(s, object->cell);

	counts->free_objects += object->count;
	counts->free_bytes += object->count * object->size;
	s->gone++;
}

/* Returns 0, or ENOMEM. */
static inline __attribute__((always_inline)) int follow(struct shard *s, const void *p,
                                                        const struct rshi_heap_object *object)
{
	struct rshi_heap_object stale;

	int err = rshi_live_add(&s->live, (uintptr_t)p, object, &stale);

	if (err)
		return err;
	if (stale.count)
		count_gone(s, &stale);
	else
		count_page(p, 1);
	return 0;
}

uint64_t rshi_counts_rounded_sig(uint64_t *random, uint64_t count)
{
	unsigned int zeros = rshi_live_zeros(count);
	uint64_t step = UINT64_C(1) << zeros, rest = count % step;

	if (!zeros)
		return count;
	return count - rest + (rshi_chance_sig(random) % step < rest ? step : 0);
}

void rshi_counts_prepare_sig(const void *p)
{
	rshi_live_prepare(&shard_of(p)->live, (uintptr_t)p);
}

void rshi_counts_add_sig(const void *p, const struct rshi_heap_object *object)
{
	struct shard *s = shard_of(p);
	struct rshi_heap_counts *counts;

	if (!enter_or_lose(s))
		return;
	counts = counts_for(s, object->cell);
	if (!counts || follow(s, p, object)) {
		lose();
	} else {
		counts->alloc_objects += object->count;
		counts->alloc_bytes += object->count * object->size;
		s->added++;
	}
	leave(s);
}

/* Follow the one at @p no more. Returns 0 if none was followed there. */
static inline __attribute__((always_inline)) int end(const void *p, struct rshi_heap_object *object,
                                                     int is_gone)
{
	struct shard *s = shard_of(p);
	int was_followed;

	if (!p || !enter_or_lose(s))
		return 0;
	was_followed = rshi_live_take(&s->live, (uintptr_t)p, object);
	if (was_followed) {
		if (is_gone)
			count_gone(s, object);
		count_page(p, -1);
	}
	leave(s);
	return was_followed;
}

int rshi_counts_free_sig(const void *p)
{
	struct rshi_heap_object object;

	rshi_counts_prepare_sig(p);
	return end(p, &object, 1);
}

int rshi_counts_take_sig(const void *p, struct rshi_heap_object *object)
{
	return end(p, object, 0);
}

void rshi_counts_gone_sig(const void *p, const struct rshi_heap_object *object)
{
	struct shard *s = shard_of(p);

	if (!enter_or_lose(s))
		return;
	count_gone(s, object);
	leave(s);
}

void rshi_counts_back_sig(const void *p, const struct rshi_heap_object *object)
{
	struct shard *s = shard_of(p);

	if (!enter_or_lose(s))
		return;
	/* There was room a moment ago; if others have taken it, it is not followed any more. */
	if (follow(s, p, object))
		count_gone(s, object);
	leave(s);
}

void rshi_counts_read_sig(uint32_t cell, struct rshi_heap_counts *counts)
{
	counts->alloc_objects = 0;
	counts->alloc_bytes = 0;
	counts->free_objects = 0;
	counts->free_bytes = 0;
	for (struct shard *s = shards; s < shards + SHARDS; s++) {
		const struct rshi_heap_counts *own;

		if (!__atomic_load_n(&s->chunks[cell / CHUNK], __ATOMIC_RELAXED) || !enter(s))
			continue;
		own = counts_of(s, cell);
		counts->alloc_objects += own->alloc_objects;
		counts->alloc_bytes += own->alloc_bytes;
		counts->free_objects += own->free_objects;
		counts->free_bytes += own->free_bytes;
		leave(s);
	}
}

uint64_t rshi_counts_lost_sig(void)
{
	return __atomic_load_n(&lost, __ATOMIC_RELAXED);
}

void rshi_counts_sums_sig(uint64_t *added, uint64_t *live)
{
	*added = 0;
	*live = 0;
	for (struct shard *s = shards; s < shards + SHARDS; s++) {
		if (!enter(s))
			continue;
		*added += s->added;
		*live += s->added - s->gone;
		leave(s);
	}
}

void rshi_counts_before_fork_sig(void)
{
	this_thread.is_busy++;
	__asm__ volatile("" ::: "memory");
	for (struct shard *s = shards; s < shards + SHARDS; s++)
		(void)wait_for_shard(s, 1);
	this_thread.has_all = 1;
	__asm__ volatile("" ::: "memory");
	this_thread.is_busy--;
}

void rshi_counts_after_fork_sig(void)
{
	this_thread.is_busy++;
	__asm__ volatile("" ::: "memory");
	this_thread.has_all = 0;
	for (struct shard *s = shards; s < shards + SHARDS; s++)
		release_shard(s);
	__asm__ volatile("" ::: "memory");
	this_thread.is_busy--;
}
