/* SPDX-License-Identifier: BSD-2-Clause */
/* Listing the loaded objects for handlers, where libc has no function that they may call. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif

#include <errno.h>
#include <link.h>

#include "unwind.h"
#include "unwind_objects.h"

/* The beginning of glibc's struct dl_find_object. */
struct found {
	unsigned long long flags;
	void *start, *end;
	void *rest[10];
};

extern int rshi_dl_find_object(void *pc, struct found *result) __asm__("_dl_find_object")
        __attribute__((weak, visibility("default")));

void rshi_unwind_know_libc(void)
{
	struct found found;

	/* Under a detector it is the detector's: that is not unloaded either. */
	if (rshi_dl_find_object && !rshi_dl_find_object((void *)(uintptr_t)dl_iterate_phdr, &found))
		__atomic_store_n(&rshi_libc_start_sig, (uintptr_t)found.start, __ATOMIC_RELAXED);
}

static int list_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t start = UINTPTR_MAX, end = 0, index = 0;
	uint64_t *n = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + header->p_vaddr;

		if (header->p_type == PT_GNU_EH_FRAME)
			index = at;
		if (header->p_type != PT_LOAD)
			continue;
		start = at < start ? at : start;
		end = at + header->p_memsz > end ? at + header->p_memsz : end;
	}
	if (*n == RSHI_LISTED_MAX)
		return ENOSPC;
	/* [L4] release, pairs with [L3]: the odd version is visible before any of these. */
	__atomic_store_n(&rshi_listed.objects[*n].start, start, __ATOMIC_RELEASE);
	__atomic_store_n(&rshi_listed.objects[*n].end, end, __ATOMIC_RELEASE);
	__atomic_store_n(&rshi_listed.objects[*n].index, (const uint8_t *)index, __ATOMIC_RELEASE);
	++*n;
	return 0;
}

int rshi_unwind_list_objects(void)
{
	uint32_t version = __atomic_load_n(&rshi_listed.version, __ATOMIC_RELAXED);
	uint64_t n = 0;
	int err;

	if (rshi_dl_find_object)
		return 0;
	/* Only one thread makes it odd. */
	if (version % 2 || !__atomic_compare_exchange_n(&rshi_listed.version, &version, version + 1,
	                                                0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return EAGAIN;
	err = dl_iterate_phdr(list_one, &n);
	__atomic_store_n(&rshi_listed.n, n, __ATOMIC_RELAXED);
	/* [L2] release, pairs with [L1]: the list is complete. */
	__atomic_store_n(&rshi_listed.version, version + 2, __ATOMIC_RELEASE);
	return err;
}
