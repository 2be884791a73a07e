/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_COUNTS_H
#define RSH_HEAPPROF_COUNTS_H

/*
 * What is counted under each site, and the objects that are followed.
 *
 * The numbers of a site belong together, and to the objects: so they are changed and read under a
 * lock, one for both, of a few that each guard some of the addresses and have numbers of their own.
 * So an object's beginning and its end are counted at the same place, and there are never more ends;
 * what a site has is the sum of all. Which addresses go together is made so that threads whose
 * allocators keep them apart seldom meet here.
 *
 * A lock is held for some additions, and now and then for a table that has to grow. It cannot be held
 * by a thread that does not come on: not by one that a fork has left behind, since forks take all; and
 * the handler of a signal that has interrupted a thread there does not wait for it. All functions may
 * be called in any thread at the same time, and in handlers.
 */

#include "core/stacktab.h"
#include "layer.h"
#include "live.h"

struct rshi_heap_counts {
	uint64_t alloc_objects;
	uint64_t alloc_bytes;
	uint64_t free_objects;
	uint64_t free_bytes;
};

/* The place of the overflow. */
#define RSHI_COUNTS_OVERFLOW (RSHI_LIVE_CELLS - 1)

/* Where a site is counted: its own place, or that of the overflow. */
static inline uint32_t rshi_counts_cell(const struct rshi_stack_record *site)
{
	return site->flags & RSHI_STACK_OVERFLOW || site->number >= RSHI_LIVE_CELLS
	               ? RSHI_COUNTS_OVERFLOW
	               : site->number;
}

/* What was counted at @cell. */
void rshi_counts_read_sig(uint32_t cell, struct rshi_heap_counts *counts);

/* A count that can be kept, with the same mean: with as many digits as there is room for. */
uint64_t rshi_counts_rounded_sig(uint64_t *random, uint64_t count);

/* Something is soon to be counted there: have the memory near, while something else is done. */
void rshi_counts_prepare_sig(const void *p);

/*
 * What there is no memory for, and where a handler has interrupted what cannot be waited for, the
 * following do nothing but to count that.
 */
uint64_t rshi_counts_lost_sig(void);

/* Count an object that has come to @p, and follow it. */
void rshi_counts_add_sig(const void *p, const struct rshi_heap_object *object);

/* Count the one at @p as gone. Returns 0 if none is followed there. */
int rshi_counts_free_sig(const void *p);

/* Follow the one at @p no more, and count nothing. Returns 1 with it, or 0. */
int rshi_counts_take_sig(const void *p, struct rshi_heap_object *object);

/* One that was taken: it is gone; it is still there. */
void rshi_counts_gone_sig(const void *p, const struct rshi_heap_object *object);
void rshi_counts_back_sig(const void *p, const struct rshi_heap_object *object);

/* How many were added, and are still there. */
void rshi_counts_sums_sig(uint64_t *added, uint64_t *live);

/* Take all locks before a fork, release them after it; what this thread does meanwhile needs none. */
void rshi_counts_before_fork_sig(void);
void rshi_counts_after_fork_sig(void);

#endif /* RSH_HEAPPROF_COUNTS_H */
