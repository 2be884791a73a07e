/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory axis, backend for AddressSanitizer (clang, gcc): may the byte be touched?
 *
 * Poison has the runtime's granularity of 8 bytes: poisoning leaves out the ends of a region that
 * share 8 bytes with what follows, unpoisoning may allow up to 7 bytes more.
 */
#ifndef RACESHIM_MEM_ASAN_H
#define RACESHIM_MEM_ASAN_H

#include <stddef.h>
#include <stdint.h>

#include <raceshim/detect.h>
#include <raceshim/drop.h>

#define RSH_MEM_ENABLED 1

RSHI_RUNTIME(void *, rshi_asan_region_is_poisoned, (const volatile void *addr, size_t size),
             "__asan_region_is_poisoned");
RSHI_RUNTIME(void, rshi_asan_report,
             (const void *pc, const void *bp, const void *sp, const void *addr, int is_write,
              size_t size),
             "__asan_report_error");
RSHI_RUNTIME(void, rshi_mem_poison, (const volatile void *addr, size_t size),
             "__asan_poison_memory_region");
RSHI_RUNTIME(void, rshi_mem_unpoison, (const volatile void *addr, size_t size),
             "__asan_unpoison_memory_region");

/*
 * Out of line, as the runtime's own interceptors are: the return address is a pc inside the user's
 * function on the annotation's line, and this function's frame is where an unwinder by frame
 * pointers must start. The address is the first bad byte: it decides what kind of error it is.
 */
static __attribute__((noinline, unused)) void
rshi_asan_access(const volatile void *addr, size_t size, int is_write, uintptr_t caller_pc)
{
	const void *const bad = rshi_asan_region_is_poisoned(addr, size);
	const void *const frame = __builtin_frame_address(0);
	const void *pc = __builtin_return_address(0);

	if (bad == NULL)
		return;
	if (caller_pc != 0)
		pc = (const void *)caller_pc;
	RSHI_KEEP_FRAME(rshi_asan_report(pc, frame, frame, bad, is_write, size));
}

#define RSHI_ASAN_ACCESS(addr, size, is_write, caller_pc)                                          \
	RSHI_KEEP_FRAME(rshi_asan_access((addr), (size), (is_write), (uintptr_t)(caller_pc)))

#define rshi_mem_read(addr, size)                RSHI_ASAN_ACCESS(addr, size, 0, 0)
#define rshi_mem_write(addr, size)               RSHI_ASAN_ACCESS(addr, size, 1, 0)
#define rshi_mem_read_pc(addr, size, caller_pc)  RSHI_ASAN_ACCESS(addr, size, 0, caller_pc)
#define rshi_mem_write_pc(addr, size, caller_pc) RSHI_ASAN_ACCESS(addr, size, 1, caller_pc)
#define rshi_mem_malloc(addr, size)              rshi_mem_unpoison((addr), (size))
#define rshi_mem_free(addr, size)                rshi_mem_poison((addr), (size))
/* Whether a byte may be touched is a property of its address: a copy changes nothing. */
#define rshi_mem_move(dst, src, size)            (RSHI_DROP_ADDR(dst), RSHI_DROP_RANGE(src, size))

RSHI_INLINE ptrdiff_t rshi_mem_check(const volatile void *addr, size_t size)
{
	const void *const bad = rshi_asan_region_is_poisoned(addr, size);

	return bad == NULL ? -1 : (const char *)bad - (const char *)(uintptr_t)addr;
}

#endif
