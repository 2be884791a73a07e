/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_GROW_H
#define RSH_CORE_GROW_H

/*
 * Arrays that grow, in memory from the kernel, which no detector and no allocator hears of. They
 * move when they grow, so what is in them is known by where it is from their start. For one thread
 * at a time, outside handlers. An array of zeros is an empty one.
 */

#include <stddef.h>
#include <stdint.h>

/* What several arrays may take together. */
struct rshi_budget {
	size_t used;
	size_t limit; /* 0: any number of bytes */
};

struct rshi_grow {
	unsigned char *p;
	size_t used; /* bytes that the user has taken; new ones are zeros */
	size_t size;
	struct rshi_budget *budget; /* or NULL */
};

/* Make room for @n bytes behind the used ones. ENOMEM, and nothing has changed. */
int rshi_grow_reserve(struct rshi_grow *grow, size_t n);

/* Give the memory back; the array is empty then. */
void rshi_grow_free(struct rshi_grow *grow);

#endif /* RSH_CORE_GROW_H */
