/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_PARKING_H
#define RSH_TRACE_PARKING_H

/*
 * Where the one reader sleeps until there is work, and how those who make work wake it, without a
 * lock, so that it does not matter which locks they hold.
 *
 * The reader publishes itself, looks for work once more, and sleeps; whoever has made work looks
 * whether it is there, and takes it away by an exchange: one of them does, and wakes it. A reader
 * that has found work itself takes itself away; if somebody has been quicker, it waits for being
 * woken, so that no wake comes later. tests/model/trace_park.pml is the proof.
 *
 * Compiled into ordinary code and into handlers.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys.h"

struct rshi_parking {
	uint32_t *reader; /* atomic: the word that it sleeps on, NULL if it does not */
	uint32_t work;    /* atomic: there is some */
	uint32_t woken;   /* atomic: what the reader sleeps on */
};

/* There is work; wake the reader if it sleeps. */
static inline void rshi_parking_post(struct rshi_parking *p)
{
	uint32_t *reader;

	/*
	 * [TP1] seq_cst, pairs with [TP2]: work and reader need one order, so that not both sides
	 * miss what the other has stored. And publishes the work.
	 */
	__atomic_store_n(&p->work, 1, __ATOMIC_SEQ_CST);
	/* [TP1] likewise. */
	reader = __atomic_load_n(&p->reader, __ATOMIC_SEQ_CST);
	/* [TP1] likewise: one wins. */
	if (!reader || !__atomic_compare_exchange_n(&p->reader, &reader, NULL, 0, __ATOMIC_SEQ_CST,
	                                            __ATOMIC_RELAXED))
		return;
	/* [TP3] release, pairs with [TP4]. */
	__atomic_store_n(reader, 1, __ATOMIC_RELEASE);
	rshi_futex_wake_sig(reader, 1, NULL);
}

/* The reader is about to look at what there is: what is made from now on is told anew. */
static inline void rshi_parking_look(struct rshi_parking *p)
{
	/* [TP2] seq_cst, pairs with [TP1]: the work. */
	(void)__atomic_exchange_n(&p->work, 0, __ATOMIC_SEQ_CST);
}

/* The reader takes itself away, or waits until who was quicker has woken it. */
static inline void rshi_parking_leave(struct rshi_parking *p)
{
	uint32_t *me = &p->woken;

	/* [TP2] as above. */
	if (__atomic_compare_exchange_n(&p->reader, &me, NULL, 0, __ATOMIC_SEQ_CST,
	                                __ATOMIC_RELAXED))
		return;
	/* [TP4] acquire, pairs with [TP3]. */
	while (!__atomic_load_n(&p->woken, __ATOMIC_ACQUIRE))
		rshi_futex_wait_sig(&p->woken, 0, 0);
}

/* The reader sleeps until there is work, at most @timeout nanoseconds; it may return without. */
static inline void rshi_parking_wait(struct rshi_parking *p, uint64_t timeout)
{
	uint32_t *nobody = NULL;
	int err = 0; /* EINTR too is a reason to look at the time */

	__atomic_store_n(&p->woken, 0, __ATOMIC_RELAXED);
	/* [TP2] as above: publishes the reader. */
	if (!__atomic_compare_exchange_n(&p->reader, &nobody, &p->woken, 0, __ATOMIC_SEQ_CST,
	                                 __ATOMIC_RELAXED))
		return; /* not possible with one reader */
	/* [TP2] as above: look again. */
	if (!__atomic_load_n(&p->work, __ATOMIC_SEQ_CST)) {
		/* [TP4] acquire, pairs with [TP3]. */
		while (!__atomic_load_n(&p->woken, __ATOMIC_ACQUIRE) && !err)
			err = rshi_futex_wait_sig(&p->woken, 0, timeout);
	}
	rshi_parking_leave(p);
}

#endif /* RSH_TRACE_PARKING_H */
