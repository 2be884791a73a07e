/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory axis, backend for HWAddressSanitizer (clang; on x86-64 through page aliasing:
 * -fsanitize=hwaddress -fsanitize-hwaddress-experimental-aliasing).
 *
 * Memory and pointer carry a tag each, an access needs them equal. Forbidding bytes is giving them
 * another tag than the pointer's; allowing them is giving them the pointer's. A tag holds for 16
 * bytes: poisoning leaves out ends that share them with something else, unpoisoning includes them.
 */
#ifndef RACESHIM_MEM_HWASAN_H
#define RACESHIM_MEM_HWASAN_H

#include <stddef.h>
#include <stdint.h>

#include <raceshim/detect.h>
#include <raceshim/drop.h>

#define RSH_MEM_ENABLED 1

RSHI_RUNTIME(void, rshi_hwasan_load, (const volatile void *addr, size_t size), "__hwasan_loadN");
RSHI_RUNTIME(void, rshi_hwasan_store, (const volatile void *addr, size_t size), "__hwasan_storeN");
RSHI_RUNTIME(intptr_t, rshi_hwasan_test_shadow, (const volatile void *addr, size_t size),
             "__hwasan_test_shadow");
RSHI_RUNTIME(void, rshi_hwasan_tag_memory,
             (const volatile void *addr, unsigned char tag, size_t size), "__hwasan_tag_memory");
RSHI_RUNTIME(void *, rshi_hwasan_tag_pointer, (const volatile void *addr, unsigned char tag),
             "__hwasan_tag_pointer");

#define rshi_mem_read(addr, size)  RSHI_KEEP_FRAME(rshi_hwasan_load((addr), (size)))
#define rshi_mem_write(addr, size) RSHI_KEEP_FRAME(rshi_hwasan_store((addr), (size)))

/* The runtime takes no pc: the report is the calling function's, which is one frame further in. */
#define rshi_mem_read_pc(addr, size, caller_pc)                                                    \
	(RSHI_DROP_PC(caller_pc), rshi_mem_read((addr), (size)))
#define rshi_mem_write_pc(addr, size, caller_pc)                                                   \
	(RSHI_DROP_PC(caller_pc), rshi_mem_write((addr), (size)))

#define RSHI_HWASAN_GRANULE ((uintptr_t)16)

/*
 * No pointer's tag on x86-64, one of 255 elsewhere. Not below 16: such a memory tag is the number
 * of valid bytes of a short granule, and an access to them may pass.
 */
#define RSHI_HWASAN_FORBIDDEN(tag) ((unsigned char)((tag) == 0xbb ? 0xcc : 0xbb))

/*
 * Where the tag stands in a pointer depends on the processor and the mode, and memory outside the
 * tagged heap has none: __hwasan_tag_pointer knows (clang 14 has no function that tells the tag).
 */
RSHI_INLINE unsigned char rshi_hwasan_tag(const volatile void *addr)
{
	const uintptr_t tag0 = (uintptr_t)rshi_hwasan_tag_pointer(addr, 0);
	const uintptr_t step = (uintptr_t)rshi_hwasan_tag_pointer(addr, 1) ^ tag0;

	return step == 0 ? 0 : (unsigned char)(((uintptr_t)addr ^ tag0) / step);
}

RSHI_INLINE void rshi_hwasan_set(uintptr_t first, uintptr_t end, unsigned char tag)
{
	/* clang 14 wants the address without its tag, later ones take either. */
	if (first < end)
		rshi_hwasan_tag_memory(rshi_hwasan_tag_pointer((const void *)first, 0), tag,
		                       end - first);
}

RSHI_INLINE void rshi_mem_poison(const volatile void *addr, size_t size)
{
	const uintptr_t first = (uintptr_t)addr + RSHI_HWASAN_GRANULE - 1;
	const uintptr_t end = (uintptr_t)addr + size;
	const unsigned char tag = rshi_hwasan_tag(addr);

	rshi_hwasan_set(first - first % RSHI_HWASAN_GRANULE, end - end % RSHI_HWASAN_GRANULE,
	                RSHI_HWASAN_FORBIDDEN(tag));
}

RSHI_INLINE void rshi_mem_unpoison(const volatile void *addr, size_t size)
{
	const uintptr_t first = (uintptr_t)addr;
	const uintptr_t end = (uintptr_t)addr + size + (size != 0 ? RSHI_HWASAN_GRANULE - 1 : 0);

	rshi_hwasan_set(first - first % RSHI_HWASAN_GRANULE, end - end % RSHI_HWASAN_GRANULE,
	                rshi_hwasan_tag(addr));
}

#define rshi_mem_malloc(addr, size)   rshi_mem_unpoison((addr), (size))
#define rshi_mem_free(addr, size)     rshi_mem_poison((addr), (size))
/* Whether a byte may be touched is a property of its address: a copy changes nothing. */
#define rshi_mem_move(dst, src, size) (RSHI_DROP_ADDR(dst), RSHI_DROP_RANGE(src, size))
#define rshi_mem_check(addr, size)    ((ptrdiff_t)rshi_hwasan_test_shadow((addr), (size)))

#endif
