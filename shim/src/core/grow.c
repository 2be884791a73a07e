/* SPDX-License-Identifier: BSD-2-Clause */
/* Arrays that grow, in memory from the kernel. */

#include <errno.h>

#include "grow.h"
#include "sys.h"

#define SMALLEST 4096

int rshi_grow_reserve(struct rshi_grow *grow, size_t n)
{
	struct rshi_budget *budget = grow->budget;
	size_t size = grow->size ? grow->size : SMALLEST, more;
	void *p = grow->p;
	int err;

	if (n <= grow->size - grow->used)
		return 0;
	if (n > SIZE_MAX / 4 || grow->used > SIZE_MAX / 4)
		return ENOMEM;
	while (size < grow->used + n)
		size *= 2;
	more = size - grow->size;
	if (budget && budget->limit &&
	    (budget->used > budget->limit || more > budget->limit - budget->used))
		return ENOMEM;
	err = p ? rshi_mremap_sig(&p, grow->size, size) : rshi_mmap_sig(size, &p);
	if (err)
		return ENOMEM;
	if (budget)
		budget->used += more;
	grow->p = p;
	grow->size = size;
	return 0;
}

void rshi_grow_free(struct rshi_grow *grow)
{
	if (grow->p)
		rshi_munmap_sig(grow->p, grow->size);
	if (grow->budget)
		grow->budget->used -= grow->size;
	grow->p = NULL;
	grow->used = 0;
	grow->size = 0;
}
