/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_UNWIND_READ_H
#define RSH_CORE_UNWIND_READ_H

/*
 * Reads of the interrupted stack that cannot fault.
 *
 * The kernel is asked about each page, once a walk, before a word of it is loaded. Only pages that
 * follow each other from the stack pointer on are loaded from: as long as the thread runs on them
 * nobody takes them away between question and load. Words anywhere else, where a wrecked frame may
 * point, are copied by the kernel.
 */

#include <stddef.h>
#include <stdint.h>

#define RSHI_RED_ZONE 128
#define RSHI_PAGE     ((uintptr_t)4096) /* the smallest; larger ones are found readable in parts */

static inline uintptr_t rshi_page_of(uintptr_t address)
{
	return address & ~(RSHI_PAGE - 1);
}

struct rshi_reader {
	uintptr_t lo, hi; /* page bounds of what has been found readable */
	uintptr_t limit;  /* nothing of this stack is above */
};

/*
 * Pages of this thread's stack that complete walks have read, so that they need not be asked about
 * each time. While the thread runs below them they stay; where it may be on another stack that has
 * come to the same addresses, a walk that is not complete forgets them.
 */
struct rshi_known_stack {
	uintptr_t lo, hi;
};
extern __thread struct rshi_known_stack rshi_known_stack_sig
        __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Start over at stack pointer @sp; @thread is the thread pointer, which lies above a stack that the
 * threads library has made.
 */
void rshi_reader_start_sig(struct rshi_reader *r, uintptr_t sp, uintptr_t thread);

int rshi_load_slow_sig(struct rshi_reader *r, uintptr_t address, uintptr_t *value);

/* Load the word at @address. Returns 0, or EFAULT if that is impossible or not aligned. */
static inline int rshi_load_sig(struct rshi_reader *r, uintptr_t address, uintptr_t *value)
{
	if (address - r->lo >= r->hi - r->lo || address % sizeof(uintptr_t))
		return rshi_load_slow_sig(r, address, value);
	/* Not null: an empty range of pages has sent that away. */
	*value = *(const uintptr_t *)address; /* NOLINT(clang-analyzer-core.NullDereference) */
	return 0;
}

#endif /* RSH_CORE_UNWIND_READ_H */
