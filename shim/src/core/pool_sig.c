/* SPDX-License-Identifier: BSD-2-Clause */
/* The handlers' side of a pool. */

#include "pool.h"

struct rshi_pool_ring *rshi_pool_claim_sig(struct rshi_pool *pool, int tid)
{
	/* [P1] acquire, pairs with [P2]: the ring is as the reader left it. */
	uint64_t first = __atomic_load_n(&pool->free, __ATOMIC_ACQUIRE), second;
	struct rshi_pool_ring *ring;

	do {
		if (!(uint32_t)first)
			return NULL;
		ring = &pool->rings[(uint32_t)first - 1];
		/* If somebody else claims it meanwhile, this is nonsense and the exchange fails. */
		second = __atomic_load_n(&ring->next, __ATOMIC_RELAXED);
		/* [P1] again, when it has to be tried again. */
	} while (!__atomic_compare_exchange_n(&pool->free, &first,
	                                      ((first >> 32) + 1) << 32 | second, 0,
	                                      __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	__atomic_store_n(&ring->owner, tid, __ATOMIC_RELAXED);
	return ring;
}

void rshi_pool_call_sig(struct rshi_pool *pool)
{
	/* [P3] release, pairs with [P4]: what the call is about. */
	__atomic_store_n(&pool->called, 1, __ATOMIC_RELEASE);
	rshi_bell_ring_sig(&pool->bell);
}

void rshi_pool_release_sig(struct rshi_pool_ring *ring)
{
	rshi_ring_close_sig(&ring->ring);
}

static void count_lost(struct rshi_pool *pool, enum rshi_lost why)
{
	__atomic_fetch_add(&pool->lost[why], 1, __ATOMIC_RELAXED);
}

void rshi_pool_lose_sig(struct rshi_pool *pool, enum rshi_lost why)
{
	__atomic_fetch_add(&pool->accepted, 1, __ATOMIC_RELAXED);
	count_lost(pool, why);
}

static int add_extra(struct rshi_pool *pool, uint64_t time, const uint64_t *header,
                     const uintptr_t *pcs, size_t n)
{
	struct rshi_extra *extra = &pool->extra;
	size_t length = 2 + (size_t)pool->header + n;
	uint64_t *word;
	uint32_t used;
	int full;

	__atomic_fetch_add(&pool->accepted, 1, __ATOMIC_RELAXED);
	/* [X1] acquire, pairs with [X2] and [X4]: what others have put there, or taken away. */
	if (__atomic_exchange_n(&extra->taken, 1, __ATOMIC_ACQUIRE)) {
		count_lost(pool, RSHI_LOST_BUSY);
		return 0;
	}
	used = __atomic_load_n(&extra->n, __ATOMIC_RELAXED);
	full = length > RSHI_EXTRA_WORDS - used;
	if (!full) {
		word = &extra->words[used];
		*word++ = rshi_record_word(RSHI_SAMPLE, length);
		*word++ = time;
		for (uint32_t i = 0; i < pool->header; i++)
			*(volatile uint64_t *)word++ = header[i];
		for (size_t i = 0; i < n; i++)
			*(volatile uint64_t *)word++ = pcs[i];
		used += (uint32_t)length;
		__atomic_store_n(&extra->n, used, __ATOMIC_RELAXED);
	}
	/* [X2] release, pairs with [X1] and [X3]. */
	__atomic_store_n(&extra->taken, 0, __ATOMIC_RELEASE);
	if (full)
		count_lost(pool, RSHI_LOST_EXTRA);
	if (used >= RSHI_EXTRA_WORDS / 2)
		rshi_bell_ring_sig(&pool->bell);
	return !full;
}

int rshi_pool_add_sig(struct rshi_pool *pool, struct rshi_pool_ring *ring, uint64_t time,
                      const uint64_t *header, const uintptr_t *pcs, size_t n)
{
	if (!ring)
		return add_extra(pool, time, header, pcs, n);
	/* Its own thread is the only one that stores it. */
	__atomic_store_n(&ring->accepted, __atomic_load_n(&ring->accepted, __ATOMIC_RELAXED) + 1,
	                 __ATOMIC_RELAXED);
	return rshi_ring_write_sig(&ring->ring, time, header, pcs, n);
}
