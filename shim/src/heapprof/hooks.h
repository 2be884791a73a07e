/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_HOOKS_H
#define RSH_HEAPPROF_HOOKS_H

/*
 * The detector tells of allocations: it owns the allocator, and whatever stands before it comes out
 * empty.
 *
 * Its hooks are called from deep inside its own functions, in numbers that differ from runtime to
 * runtime and from function to function. Which pcs are the detector's is found out by calling each of
 * its functions once.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/unwind.h"

/*
 * Have the hooks called from now on; with the session's lock. Returns 0, also if they are already;
 * RSH_EHEAPSOURCE (there is no detector), ENOSPC.
 */
int rshi_heap_hooks_install(void);

/* Then find out which pcs these are; without any lock. */
void rshi_heap_hooks_get_to_know(void);

/* What is called. */
void rshi_heap_hook_alloc_sig(const volatile void *p, size_t size);
void rshi_heap_hook_free_sig(const volatile void *p);

/*
 * In this thread, until the next call with NULL: allocations are not sampled; the pcs between the hook
 * and the call of the function that @here was evaluated in are remembered, but for the last, as the
 * detector's.
 */
void rshi_heap_learn_sig(const struct rshi_here *here);

#endif /* RSH_HEAPPROF_HOOKS_H */
