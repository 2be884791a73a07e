/* SPDX-License-Identifier: BSD-2-Clause */
/* The seldom part of reading the interrupted stack: pages that nothing is known about yet. */

#include <linux/errno.h>

#include "sys.h"
#include "unwind_read.h"

/* A frame beyond so many pages is not worth a question about each of them. */
#define NEAR_PAGES 16

__thread struct rshi_known_stack rshi_known_stack_sig;

void rshi_reader_start_sig(struct rshi_reader *r, uintptr_t sp, uintptr_t thread)
{
	uintptr_t below = rshi_page_of(sp - RSHI_RED_ZONE);

	/* Registers may still be saved where an epilogue has already popped them. */
	if (below != rshi_page_of(sp) && rshi_readable_sig((const void *)below))
		below = rshi_page_of(sp);
	r->lo = below;
	r->hi = below;
	r->limit = thread > sp ? rshi_page_of(thread) + RSHI_PAGE : UINTPTR_MAX - RSHI_PAGE;
}

int rshi_load_slow_sig(struct rshi_reader *r, uintptr_t address, uintptr_t *value)
{
	uintptr_t page = rshi_page_of(address);

	if (address % sizeof(uintptr_t))
		return EFAULT;
	if (page < r->lo || page >= r->limit || page - r->hi >= NEAR_PAGES * RSHI_PAGE)
		return rshi_peek_sig((const void *)address, value);
	while (r->hi <= page) {
		if (rshi_readable_sig((const void *)r->hi))
			return EFAULT;
		r->hi += RSHI_PAGE;
	}
	*value = *(const uintptr_t *)address;
	return 0;
}
