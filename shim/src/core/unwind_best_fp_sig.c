/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk on machines whose unwind tables nothing here reads. */

#include "unwind_traceback.h"
#include "unwind_trail.h"

void rshi_unwind_sig(const void *ucontext, uintptr_t *pcs, size_t max, struct rshi_stack *stack)
{
	size_t limit = max < RSHI_UNWIND_MAX ? max : RSHI_UNWIND_MAX;
	size_t n = rshi_traceback_sig(ucontext, pcs, limit);

	if (n) {
		stack->n = (uint32_t)n;
		stack->guessed = 0;
		stack->end = RSHI_END_USER;
		return;
	}
	rshi_unwind_fp_sig(ucontext, pcs, max, stack);
}

void rshi_unwind_here_sig(const struct rshi_here *here, uintptr_t *pcs, size_t max,
                          struct rshi_stack *stack)
{
	rshi_unwind_fp_here_sig(here, pcs, max, stack);
}

void rshi_unwind_trail_sig(const struct rshi_here *here, uintptr_t *pcs, size_t max,
                           struct rshi_stack *stack, struct rshi_trail *trail)
{
	rshi_unwind_fp_here_sig(here, pcs, max, stack);
	if (trail)
		trail->n = RSHI_TRAIL_NONE;
}
