/* SPDX-License-Identifier: BSD-2-Clause */
/* Called by the detector, in the middle of it. */

#include "counts.h"
#include "hooks.h"
#include "profile.h"

#define PCS 256 /* of all functions that allocate; each has a few of its own */

static __thread struct rshi_heap_thread thread __attribute__((tls_model("initial-exec")));
static __thread const struct rshi_here *teacher __attribute__((tls_model("initial-exec")));

/* Atomic; a hash table that is full never. The detector's own return addresses. */
static uintptr_t inner[PCS];

static uintptr_t *slot_of(uintptr_t pc)
{
	size_t at = pc * UINT64_C(0x9e3779b97f4a7c15) >> 56;

	for (size_t i = 0; i < PCS; i++) {
		uintptr_t *slot = &inner[(at + i) % PCS];
		uintptr_t seen = __atomic_load_n(slot, __ATOMIC_RELAXED);

		if (!seen || seen == pc)
			return slot;
	}
	return NULL;
}

static int is_inner(uintptr_t pc)
{
	const uintptr_t *slot = slot_of(pc);

	return slot && __atomic_load_n(slot, __ATOMIC_RELAXED) == pc;
}

static size_t cut(const uintptr_t *pcs, size_t n)
{
	size_t first = 0;

	/* Something is to be left, whatever the unwinder has found. */
	while (first + 1 < n && is_inner(pcs[first]))
		first++;
	return first;
}

static void learn(const struct rshi_here *here)
{
	uintptr_t pcs[RSHI_UNWIND_MAX];
	struct rshi_stack stack;
	size_t end = 0;

	rshi_unwind_here_sig(here, pcs, RSHI_UNWIND_MAX, &stack);
	while (end < stack.n && pcs[end] != teacher->pc)
		end++;
	/* The last one before is in the function that has called. */
	for (size_t i = 0; end < stack.n && i + 1 < end; i++) {
		uintptr_t *slot = slot_of(pcs[i]);

		if (slot)
			__atomic_store_n(slot, pcs[i], __ATOMIC_RELAXED);
	}
}

void rshi_heap_learn_sig(const struct rshi_here *here)
{
	teacher = here;
	__asm__ volatile("" ::: "memory");
}

void rshi_heap_hook_alloc_sig(const volatile void *p, size_t size)
{
	const struct rshi_here here = RSHI_HERE();

	if (teacher)
		learn(&here);
	else if (rshi_heap_is_due(rshi_heap_gate_sig, &thread, size))
		rshi_heap_alloc_sig(&thread, (const void *)p, size, &here, cut);
}

void rshi_heap_hook_free_sig(const volatile void *p)
{
	if (rshi_heap_may_be_followed(rshi_heap_gate_sig, (const void *)p))
		(void)rshi_counts_free_sig((const void *)p);
}
