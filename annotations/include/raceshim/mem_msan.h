/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory axis, backend for MemorySanitizer (clang): is the byte initialised?
 *
 * Direct calls, so that frame #0 of a report is the user's function; see RSHI_RUNTIME.
 */
#ifndef RACESHIM_MEM_MSAN_H
#define RACESHIM_MEM_MSAN_H

#include <stddef.h>
#include <stdint.h>

#include <raceshim/detect.h>
#include <raceshim/drop.h>

#define RSH_MEM_ENABLED 1

RSHI_RUNTIME(void, rshi_msan_check, (const volatile void *addr, size_t size),
             "__msan_check_mem_is_initialized");
RSHI_RUNTIME(void, rshi_mem_write, (const volatile void *addr, size_t size), "__msan_unpoison");
RSHI_RUNTIME(void, rshi_mem_unpoison, (const volatile void *addr, size_t size), "__msan_unpoison");
RSHI_RUNTIME(void, rshi_mem_poison, (const volatile void *addr, size_t size), "__msan_poison");
RSHI_RUNTIME(void, rshi_mem_free, (const volatile void *addr, size_t size), "__msan_poison");
/* As poison, and the origin of the bytes (-fsanitize-memory-track-origins) is the annotation. */
RSHI_RUNTIME(void, rshi_mem_malloc, (const volatile void *addr, size_t size),
             "__msan_allocated_memory");
/* Shadow and origins only. The runtime's function of a similar name, __msan_memmove, moves. */
RSHI_RUNTIME(void, rshi_mem_move, (const volatile void *dst, const volatile void *src, size_t size),
             "__msan_copy_shadow");
RSHI_RUNTIME(intptr_t, rshi_msan_test_shadow, (const volatile void *addr, size_t size),
             "__msan_test_shadow");

#define rshi_mem_read(addr, size) RSHI_KEEP_FRAME(rshi_msan_check((addr), (size)))

/* The runtime takes no pc: the report is the calling function's, which is one frame further in. */
#define rshi_mem_read_pc(addr, size, caller_pc)                                                    \
	(RSHI_DROP_PC(caller_pc), rshi_mem_read((addr), (size)))
#define rshi_mem_write_pc(addr, size, caller_pc)                                                   \
	(RSHI_DROP_PC(caller_pc), rshi_mem_write((addr), (size)))
#define rshi_mem_check(addr, size) ((ptrdiff_t)rshi_msan_test_shadow((addr), (size)))

#endif
