/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwinding by frame pointers: each frame holds its caller's frame pointer and, above it, the
 * return address. Any machine that keeps them so.
 */

#include "context.h"
#include "unwind.h"
#include "unwind_read.h"

static void walk(uintptr_t pc, uintptr_t sp, uintptr_t fp, uintptr_t *pcs, size_t max,
                 struct rshi_stack *stack)
{
	struct rshi_reader reader;
	uintptr_t next;
	size_t n = 0;

	stack->guessed = 0;
	stack->end = RSHI_END_DEPTH;
	rshi_reader_start_sig(&reader, sp, rshi_thread_pointer());
	while (n < max) {
		pcs[n++] = pc;
		if (!fp) {
			stack->end = RSHI_END_ROOT;
			break;
		}
		/* A frame pointer that nobody keeps may be any number; fp + 16 may overflow. */
		if (fp < sp || fp > UINTPTR_MAX - 2 * sizeof(uintptr_t) ||
		    rshi_load_sig(&reader, fp, &next) ||
		    rshi_load_sig(&reader, fp + sizeof(uintptr_t), &pc)) {
			stack->end = RSHI_END_BAD_STACK;
			break;
		}
		if (!pc) {
			stack->end = RSHI_END_ROOT;
			break;
		}
		sp = fp + 2 * sizeof(uintptr_t);
		fp = next;
	}
	stack->n = (uint32_t)n;
}

void rshi_unwind_fp_sig(const void *ucontext, uintptr_t *pcs, size_t max, struct rshi_stack *stack)
{
	const struct ucontext *uc = ucontext;

	walk(rshi_context_pc(uc), rshi_context_sp(uc), rshi_context_fp(uc), pcs,
	     max < RSHI_UNWIND_MAX ? max : RSHI_UNWIND_MAX, stack);
}

void rshi_unwind_fp_here_sig(const struct rshi_here *here, uintptr_t *pcs, size_t max,
                             struct rshi_stack *stack)
{
	walk(here->pc, here->sp, here->fp, pcs, max, stack);
}
