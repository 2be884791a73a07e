/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_LOCK_H
#define RSH_CORE_LOCK_H

/*
 * A lock that no detector sees, held for a sweep at most: never over a callback, a file or an
 * allocation that the user may have replaced. Meanwhile the holder gets no signals, but for those
 * that are its own fault, so that a handler does not find its own thread in the way.
 *
 * Compiled into ordinary code, where the visible build sees what it orders, and into handlers.
 */

#include <stddef.h>
#include <stdint.h>

#include "sys.h"

#define RSHI_WAITERS 0x80000000u

struct rshi_lock {
	uint32_t word;     /* atomic: thread id of the holder, RSHI_WAITERS if others may sleep */
	uint64_t old_mask; /* the holder's signal mask; the holder's own */
};

/* All signals but SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV and SIGSYS. */
#define RSHI_ASYNCHRONOUS                                                                          \
	(~(uint64_t)(1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 10 | 1u << 30))

static inline int rshi_lock_is_mine(const struct rshi_lock *l)
{
	return (__atomic_load_n(&l->word, __ATOMIC_RELAXED) & ~RSHI_WAITERS) ==
	       (uint32_t)rshi_gettid_sig();
}

/* One attempt, for thread @tid; @bits is RSHI_WAITERS once the thread has slept. */
static inline int rshi_lock_take(struct rshi_lock *l, uint32_t tid, uint32_t bits)
{
	uint32_t expected = 0;

	/* [CL1] acquire, pairs with [CL2]: sees what the last holder did */
	return __atomic_compare_exchange_n(&l->word, &expected, tid | bits, 0, __ATOMIC_ACQUIRE,
	                                   __ATOMIC_RELAXED);
}

/*
 * Take the lock; after @limit nanoseconds without it give up (0: never). The signal mask is the
 * caller's business. Returns 1 with the lock.
 */
static inline int rshi_lock_wait(struct rshi_lock *l, uint64_t limit)
{
	uint32_t tid = (uint32_t)rshi_gettid_sig(), bits = 0;
	uint64_t slept = 0, slice = 1000000;

	while (!rshi_lock_take(l, tid, bits)) {
		uint32_t seen = __atomic_load_n(&l->word, __ATOMIC_RELAXED);

		if (!seen)
			continue;
		if (limit && slept >= limit)
			return 0;
		if (seen & RSHI_WAITERS ||
		    __atomic_compare_exchange_n(&l->word, &seen, seen | RSHI_WAITERS, 0,
		                                __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			rshi_futex_wait_sig(&l->word, seen | RSHI_WAITERS, limit ? slice : 0);
			slept += slice;
			bits = RSHI_WAITERS;
		}
	}
	return 1;
}

static inline void rshi_lock_release(struct rshi_lock *l)
{
	/* [CL2] release, pairs with [CL1]: what the holder did */
	if (__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) & RSHI_WAITERS)
		rshi_futex_wake_sig(&l->word, 1, NULL);
}

/* Take the lock in ordinary code, with this thread's asynchronous signals off until the unlock. */
static inline void rshi_lock(struct rshi_lock *l)
{
	uint64_t old = 0;

	rshi_sigblock_sig(RSHI_ASYNCHRONOUS, &old);
	rshi_lock_wait(l, 0);
	l->old_mask = old;
}

static inline void rshi_unlock(struct rshi_lock *l)
{
	uint64_t old = l->old_mask;

	rshi_lock_release(l);
	rshi_sigmask_sig(old);
}

#endif /* RSH_CORE_LOCK_H */
