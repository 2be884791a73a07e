/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_PROFILE_H
#define RSH_HEAPPROF_PROFILE_H

/* The heap profile: when a sample is due, and where it was. */

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

/* What the hooks look at; from now on the layer's, which looks at it as well. */
extern struct rshi_heap_gate *rshi_heap_gate_sig;
void rshi_heap_use_gate_sig(struct rshi_heap_gate *gate);

/* What alloc_sig of struct rsh_heapprof_layer does; the others are those of counts.h. */
void rshi_heap_alloc_sig(struct rshi_heap_thread *thread, const void *p, size_t size,
                         const struct rshi_here *here,
                         size_t (*cut)(const uintptr_t *pcs, size_t n));

/* The numbers of a site. Returns whether there are any. */
int rshi_heap_site_sig(const struct rshi_stack_record *record, struct rshi_heap_site *site);
void rshi_heap_stats_sig(struct rsh_heapprof_stats *stats);

#endif /* RSH_HEAPPROF_PROFILE_H */
