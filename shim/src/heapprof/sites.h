/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_SITES_H
#define RSH_HEAPPROF_SITES_H

/* The heap profile for other parts of the library. */

#include <stdint.h>

#include <raceshim/heapprof.h>

/* What was allocated under one stack, as it was at one moment; the order of the public record. */
struct rshi_heap_site {
	uint64_t alloc_objects;
	uint64_t alloc_bytes;
	uint64_t free_objects;
	uint64_t free_bytes;
	const uintptr_t *pcs; /* valid for ever */
	uint32_t n;
	uint32_t flags; /* RSH_HEAPPROF_* */
};

/*
 * Call @emit for each site that there is, the overflow last and only if there is something in it. No
 * lock is held meanwhile. Stops when @emit returns something else than 0, and returns that. In any
 * thread, outside handlers; @emit may allocate.
 */
int rshi_heap_sites(int (*emit)(void *arg, const struct rshi_heap_site *site), void *arg);

/* All sites that there are at a moment: at most so many are in it later, whatever comes then. */
struct rshi_heap_extent {
	uint32_t sites;
	int overflow;
};
uint32_t rshi_heap_extent(struct rshi_heap_extent *extent);

/* The same of those. */
int rshi_heap_sites_in(const struct rshi_heap_extent *extent,
                       int (*emit)(void *arg, const struct rshi_heap_site *site), void *arg);

/* The numbers of rsh_heapprof_stats(). */
void rshi_heap_stats(struct rsh_heapprof_stats *stats);

#endif /* RSH_HEAPPROF_SITES_H */
