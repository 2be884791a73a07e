/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap profile for other parts of the library. */

#include "profile.h"
#include "sites.h"

_Static_assert(RSH_HEAPPROF_CUT == RSHI_STACK_CUT && RSH_HEAPPROF_OVERFLOW == RSHI_STACK_OVERFLOW,
               "flags of a site are those of its stack");

uint32_t rshi_heap_extent(struct rshi_heap_extent *extent)
{
	struct rshi_heap_site site;

	extent->sites = rshi_stacktab_count_sig(&rshi_heap_stacks_sig, 0);
	/* [ST6] acquire, pairs with [ST3]: the overflow is there if the table is. */
	extent->overflow = __atomic_load_n(&rshi_heap_stacks_sig.rows, __ATOMIC_ACQUIRE) &&
	                   rshi_heap_site_sig(rshi_heap_stacks_sig.overflow[0], &site);
	return extent->sites + (uint32_t)extent->overflow;
}

int rshi_heap_sites_in(const struct rshi_heap_extent *extent,
                       int (*emit)(void *arg, const struct rshi_heap_site *site), void *arg)
{
	struct rshi_stack_cursor cursor = {0};
	struct rshi_stack_record *record;
	struct rshi_heap_site site;
	int err = 0;

	while (!err && (record = rshi_stacktab_next_sig(&rshi_heap_stacks_sig, 0, &cursor))) {
		if (record->number < extent->sites && rshi_heap_site_sig(record, &site))
			err = emit(arg, &site);
	}
	if (!err && extent->overflow) {
		(void)rshi_heap_site_sig(rshi_heap_stacks_sig.overflow[0], &site);
		err = emit(arg, &site);
	}
	return err;
}

int rshi_heap_sites(int (*emit)(void *arg, const struct rshi_heap_site *site), void *arg)
{
	struct rshi_heap_extent extent;

	(void)rshi_heap_extent(&extent);
	return rshi_heap_sites_in(&extent, emit, arg);
}

void rshi_heap_stats(struct rsh_heapprof_stats *stats)
{
	rshi_heap_stats_sig(stats);
}
