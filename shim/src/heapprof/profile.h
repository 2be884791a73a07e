/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_PROFILE_H
#define RSH_HEAPPROF_PROFILE_H

/*
 * The heap profile: sites, and what is counted there.
 *
 * The numbers of a site belong together, so they are changed and read under a lock: one of a few,
 * each for some of the sites, held for some additions. It cannot be held by a thread that does not
 * come on: not by one that a signal has interrupted there, since the handler's allocations find the
 * thread busy and are left alone, and not by one that a fork has left behind, since forks take all.
 */

#include "core/stacktab.h"
#include "layer.h"
#include "sites.h"

enum { RSHI_HEAP_HOOKS = 1, RSHI_HEAP_LAYERED = 2 }; /* who tells */

extern struct rshi_stacktab rshi_heap_stacks_sig;

/* Memory for the first of everything; with the session's lock. ENOMEM. */
int rshi_heap_open_sig(void);

/* The rate is another one from now on; with the session's lock, and everything open. */
void rshi_heap_set_rate_sig(uint64_t rate);
uint64_t rshi_heap_rate_sig(void);

/* Who tells: what there is, and what comes to it. */
uint32_t rshi_heap_sources_sig(void);
void rshi_heap_add_source_sig(uint32_t source);

/* What the functions of struct rsh_heapprof_layer do. */
void rshi_heap_alloc_sig(struct rshi_heap_thread *thread, const void *p, size_t size,
                         const struct rshi_here *here,
                         size_t (*cut)(const uintptr_t *pcs, size_t n));
int rshi_heap_take_sig(const void *p, struct rshi_heap_object *object);
void rshi_heap_gone_sig(const struct rshi_heap_object *object);
void rshi_heap_back_sig(const void *p, const struct rshi_heap_object *object);

/* The numbers of a site. Returns whether there are any. */
int rshi_heap_site_sig(const struct rshi_stack_record *record, struct rshi_heap_site *site);
void rshi_heap_stats_sig(struct rsh_heapprof_stats *stats);

/* Take all locks before a fork, release them after it; what this thread does meanwhile needs none. */
void rshi_heap_before_fork_sig(void);
void rshi_heap_after_fork_sig(void);

#endif /* RSH_HEAPPROF_PROFILE_H */
