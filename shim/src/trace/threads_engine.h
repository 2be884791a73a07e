/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_THREADS_ENGINE_H
#define RSH_TRACE_THREADS_ENGINE_H

/*
 * A thread's first event: it gets memory to write with, new or from a thread that has ended, with
 * whatever that has left in its buffers. Lock-free, and a handler may come in between anywhere.
 * Compiled into ordinary code, where the visible build sees it, and into handlers.
 */

#include "owner.h"
#include "state.h"

#define RSHI_LOOK_MIN 8

/* Make @me the owner, or nobody (0), if @old still is. */
static inline int rshi_thread_take(struct rshi_trace_thread *t, uint64_t old, uint64_t me)
{
	/* [TT3] acquire and release, pairs with [TT3]: what the one before has written. */
	return __atomic_compare_exchange_n(&t->owner, &old, rshi_owner_after(old, me), 0,
	                                   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/*
 * One that nobody has; or that a thread had whose id this thread has now. Or this very thread has
 * it: then this is a handler that interrupted the taking, or the taking that was interrupted.
 */
static inline struct rshi_trace_thread *rshi_threads_take_free(struct rshi_trace *s, uint64_t me)
{
	for (struct rshi_trace_thread *t = rshi_threads_first(s); t; t = t->next) {
		uint64_t owner = __atomic_load_n(&t->owner, __ATOMIC_RELAXED);
		uint64_t who = owner & RSHI_OWNER_WHO;

		if ((who == 0 || who == me) && rshi_thread_take(t, owner, me))
			return t;
	}
	return NULL;
}

/* Free all whose threads have ended, and take one. */
static inline struct rshi_trace_thread *rshi_threads_take_gone(struct rshi_trace *s, uint64_t me)
{
	struct rshi_trace_thread *mine = NULL;
	uint32_t alive = 0;

	for (struct rshi_trace_thread *t = rshi_threads_first(s); t; t = t->next) {
		uint64_t owner = __atomic_load_n(&t->owner, __ATOMIC_RELAXED);

		if (!rshi_trace_is_gone_sig(t))
			alive++;
		else if (rshi_thread_take(t, owner, mine ? 0 : me))
			mine = mine ? mine : t;
	}
	/* Not at every new thread: only once there are twice as many as were needed. */
	__atomic_store_n(&s->look, 2 * alive < RSHI_LOOK_MIN ? RSHI_LOOK_MIN : 2 * alive,
	                 __ATOMIC_RELAXED);
	return mine;
}

static inline struct rshi_trace_thread *rshi_threads_new(struct rshi_trace *s, uint64_t me)
{
	struct rshi_trace_thread *t, *head;
	void *p;

	if (rshi_mmap_sig(sizeof(*t), &p))
		return NULL;
	t = p;
	__atomic_store_n(&t->owner, me, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->thread_count, 1, __ATOMIC_RELAXED);
	head = rshi_threads_first(s);
	do
		t->next = head;
	while (!__atomic_compare_exchange_n(&s->threads, &head, t, 1,
	                                    /* [TT1] release, pairs with [TT2]: the thread. */
	                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	return t;
}

/* What another thread has left is not gone on with: new batches begin, in the same buffers. */
static inline void rshi_thread_adopt(struct rshi_trace *s, struct rshi_trace_thread *t)
{
	uint64_t generation;
	/* [TS3] acquire, pairs with [TS1]: what the one before has written. */
	uint32_t section = __atomic_load_n(&t->section, __ATOMIC_ACQUIRE);

	/* Odd: it has ended, by cancellation, in the middle of an event, of which nothing is there. */
	section |= 1;
	/* [TS2] seq_cst, pairs with [TG2]: the section is begun before the generation is looked at. */
	__atomic_exchange_n(&t->section, section, __ATOMIC_SEQ_CST);
	/* [TG3] acquire, pairs with [TG1]: the lanes of this generation are empty. */
	generation = __atomic_load_n(&s->generation, __ATOMIC_ACQUIRE);
	t->tid = (uint32_t)rshi_gettid_sig();
	t->nested = 0;
	t->open_count = 0;
	for (int i = 0; i < RSHI_TRACE_LANES && generation; i++)
		t->lanes[i][generation & 1].limit = NULL;
	/* [TS1] release, pairs with [TS3] and [TS4]. */
	__atomic_store_n(&t->section, section + 1, __ATOMIC_RELEASE);
}

__attribute__((noinline)) static struct rshi_trace_thread *rshi_threads_enter(struct rshi_trace *s)
{
	uint64_t me = rshi_owner_me();
	uint32_t look = __atomic_load_n(&s->look, __ATOMIC_RELAXED);
	struct rshi_trace_thread *t = rshi_threads_take_free(s, me), *before = NULL;

	if (!t &&
	    __atomic_load_n(&s->thread_count, __ATOMIC_RELAXED) >= (look ? look : RSHI_LOOK_MIN))
		t = rshi_threads_take_gone(s, me);
	if (!t)
		t = rshi_threads_new(s, me);
	if (!t)
		return NULL;
	rshi_thread_adopt(s, t);
	if (__atomic_load_n(&s->stacks, __ATOMIC_RELAXED))
		rshi_trace_stack_sig(t);
	/* Relaxed: the thread and its handlers. */
	if (__atomic_compare_exchange_n(&rshi_trace_mine_sig, &before, t, 0, __ATOMIC_RELAXED,
	                                __ATOMIC_RELAXED))
		return t;
	/* A handler was quicker, and may have another one. */
	if (before != t)
		rshi_thread_take(t, __atomic_load_n(&t->owner, __ATOMIC_RELAXED), 0);
	return before;
}

#endif /* RSH_TRACE_THREADS_ENGINE_H */
