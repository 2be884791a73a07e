/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_LIVE_H
#define RSH_HEAPPROF_LIVE_H

/*
 * The objects that are followed, by address. Nobody waits: an entry is taken by one compare-and-swap,
 * and stays where it is until its object is gone. When there is no room for an object near its place,
 * a table of twice the size is added, up to a limit.
 */

#include "layer.h"

/* Be ready for the first object. ENOMEM. */
int rshi_live_open_sig(void);

/* Follow @p. Returns 0, or ENOMEM. What is at @p already goes to *@stale, if its site is not NULL. */
int rshi_live_add_sig(const void *p, const struct rshi_heap_object *object,
                      struct rshi_heap_object *stale);

/* Follow @p no more. Returns 1 with what it was, or 0. */
int rshi_live_take_sig(const void *p, struct rshi_heap_object *object);

/* From now on let all frees ask: where everything is followed that is cheaper than to count. */
void rshi_live_follow_all_sig(void);

extern struct rshi_heap_gate rshi_heap_gate_sig;

#endif /* RSH_HEAPPROF_LIVE_H */
