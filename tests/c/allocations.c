/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands between the library's files, compiled for the test, and the kernel's memory. */

#include <errno.h>

#include "allocations.h"
#include "core/sys.h"

#undef rshi_mmap_sig
#undef rshi_munmap_sig
#undef rshi_mremap_sig

struct allocations allocations;

int rshi_mmap_sig(size_t size, void **p);
int rshi_munmap_sig(void *p, size_t size);
int rshi_mremap_sig(void **p, size_t size, size_t new_size);
int counted_mmap_sig(size_t size, void **p);
int counted_munmap_sig(void *p, size_t size);
int counted_mremap_sig(void **p, size_t size, size_t new_size);

static int is_refused(void)
{
	allocations.calls++;
	return allocations.calls == allocations.fail_at ||
	       (allocations.fail_from && allocations.calls >= allocations.fail_from);
}

int counted_mmap_sig(size_t size, void **p)
{
	int err = is_refused() ? ENOMEM : rshi_mmap_sig(size, p);

	if (allocations.during)
		allocations.during();
	if (!err)
		allocations.live += size;
	return err;
}

int counted_munmap_sig(void *p, size_t size)
{
	allocations.live -= size;
	return rshi_munmap_sig(p, size);
}

int counted_mremap_sig(void **p, size_t size, size_t new_size)
{
	int err = is_refused() ? ENOMEM : rshi_mremap_sig(p, size, new_size);

	if (!err)
		allocations.live += new_size - size;
	return err;
}
