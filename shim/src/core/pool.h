/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_POOL_H
#define RSH_CORE_POOL_H

/*
 * Rings for threads that appear without telling anybody, and what there is for threads without one.
 *
 * The rings' memory is never given back or used for anything else, so a handler that comes late
 * finds a ring. A thread's first sample claims one from the handler; when the thread has released it
 * and the reader has read the rest, others may claim it. Samples of threads that find none go into
 * one small buffer; when that is full, or somebody else is at it, they are counted as lost.
 *
 * All of it leaves by one door, rshi_pool_read(): samples, losses in rings, losses by class. Each
 * is counted there, so that when nobody samples any more and everything has been read:
 *
 *	accepted == delivered + the sum of lost
 */

#include "ring.h"

#define RSHI_EXTRA_WORDS 1024

struct rshi_pool_ring {
	struct rshi_ring ring;
	uint64_t accepted; /* atomic, stored by the owner: samples it has tried to write */
	uint32_t next;     /* atomic: the next free one, plus 1 */
	int owner;         /* atomic: thread id of who claimed it last */
};

/* Samples of threads that have no ring. */
struct rshi_extra {
	uint32_t taken; /* atomic: somebody is at it; nobody ever waits */
	uint32_t n;     /* atomic: words in use; stored by who has taken it */
	uint64_t words[RSHI_EXTRA_WORDS];
};

struct rshi_pool_account {
	uint64_t accepted;
	uint64_t delivered;
	uint64_t lost[RSHI_LOST_CLASSES];
};

struct rshi_pool {
	/* immutable after init */
	uint32_t n;
	uint32_t header;
	size_t bytes;

	struct rshi_bell bell;
	uint32_t called; /* atomic: somebody wants the reader for a reason of their own */

	/* atomic */
	_Alignas(RSHI_CACHE_LINE)
	        uint64_t free;            /* first free ring, plus 1; changes in the high half */
	uint64_t accepted;                /* by threads without a ring */
	uint64_t lost[RSHI_LOST_CLASSES]; /* not delivered yet; none is an overflow */
	struct rshi_extra extra;

	/* reader only */
	uint64_t delivered;
	uint64_t reported[RSHI_LOST_CLASSES];
	uint64_t buffer[RSHI_EXTRA_WORDS];

	struct rshi_pool_ring rings[];
};

/*
 * Make a pool of @n rings of @size words each, for records with @header header words. Returns 0,
 * EINVAL as rshi_ring_init(), or ENOMEM.
 */
int rshi_pool_create(size_t n, size_t size, size_t header, struct rshi_pool **pool);

/* Give the memory back; no handler may use the pool any more. */
void rshi_pool_destroy(struct rshi_pool *pool);

/* Claim a ring for thread @tid from its handler; NULL if there is none. Never waits. */
struct rshi_pool_ring *rshi_pool_claim_sig(struct rshi_pool *pool, int tid);

/* The owner, or somebody who knows that it is gone, gives a claimed ring back. */
void rshi_pool_release_sig(struct rshi_pool_ring *ring);

/*
 * Hand in a sample from a handler, into the thread's ring or, if that is NULL, the extra buffer.
 * Returns whether there was room; if not, it is counted as lost.
 */
int rshi_pool_add_sig(struct rshi_pool *pool, struct rshi_pool_ring *ring, uint64_t time,
                      const uint64_t *header, const uintptr_t *pcs, size_t n);

/* Hand in a sample that could not be taken, from a handler. */
void rshi_pool_lose_sig(struct rshi_pool *pool, enum rshi_lost why);

/*
 * Read everything that there is: @emit gets whole records, of thread @tid or of nobody in
 * particular (0). Losses by class come as a record whose body is their count. Stops when @emit
 * returns something else than 0, and returns that; what it was called with counts as delivered.
 * One reader at a time.
 */
int rshi_pool_read(struct rshi_pool *pool,
                   int (*emit)(void *arg, int tid, const uint64_t *records, size_t n), void *arg);

/*
 * Sleep until a ring is half full, something is lost, a thread is gone or somebody calls; as
 * rshi_bell_wait().
 */
int rshi_pool_wait(struct rshi_pool *pool, uint64_t timeout);

/* Wake the reader, or keep it from falling asleep once. */
void rshi_pool_call_sig(struct rshi_pool *pool);

/* How many samples were taken and what became of them; by the reader. */
void rshi_pool_account(struct rshi_pool *pool, struct rshi_pool_account *account);

#endif /* RSH_CORE_POOL_H */
