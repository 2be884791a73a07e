/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reallocarray(), as libc has it: many an allocator leaves it to libc, which calls the program's
 * realloc. So must whoever stands before libc's, wherever that realloc is: an allocator in the
 * executable, or one that is preloaded before us, is none of ours, and the block is its own.
 */

#include <errno.h>
#include <stdlib.h>

#include "next.h"

void *layer_reallocarray(void *p, size_t n, size_t size)
{
	size_t whole;

	if (__builtin_mul_overflow(n, size, &whole)) {
		errno = ENOMEM;
		return NULL;
	}
	/* Apart from our own, so that no compiler takes one for the other. */
	return realloc(p, whole);
}
