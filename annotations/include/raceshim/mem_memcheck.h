/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory axis, backend for Valgrind's Memcheck.
 *
 * Memcheck sees every instruction, uninstrumented libraries too: READ and WRITE matter where the
 * kernel, a device or another process touches the bytes.
 */
#ifndef RACESHIM_MEM_MEMCHECK_H
#define RACESHIM_MEM_MEMCHECK_H

#include <stddef.h>
#include <stdint.h>

#include <valgrind/memcheck.h>

#include <raceshim/detect.h>
#include <raceshim/drop.h>

#define RSH_MEM_ENABLED 1

/* Checks the argument's type; the request itself stays in the user's function and on its line. */
RSHI_INLINE uintptr_t rshi_mc_addr(const volatile void *addr)
{
	return (uintptr_t)addr;
}

#define rshi_mem_read(addr, size)                                                                  \
	((void)VALGRIND_CHECK_MEM_IS_DEFINED(rshi_mc_addr(addr), (size_t)(size)))
#define rshi_mem_write(addr, size)                                                                 \
	__extension__({                                                                            \
		const uintptr_t rshi_first = rshi_mc_addr(addr);                                   \
		const size_t rshi_size = (size);                                                   \
		(void)VALGRIND_CHECK_MEM_IS_ADDRESSABLE(rshi_first, rshi_size);                    \
		(void)VALGRIND_MAKE_MEM_DEFINED_IF_ADDRESSABLE(rshi_first, rshi_size);             \
	})
#define rshi_mem_read_pc(addr, size, caller_pc) (RSHI_DROP_PC(caller_pc), rshi_mem_read(addr, size))
#define rshi_mem_write_pc(addr, size, caller_pc)                                                   \
	(RSHI_DROP_PC(caller_pc), (void)rshi_mem_write(addr, size))
#define rshi_mem_malloc(addr, size)                                                                \
	((void)VALGRIND_MAKE_MEM_UNDEFINED(rshi_mc_addr(addr), (size_t)(size)))
#define rshi_mem_free(addr, size)                                                                  \
	((void)VALGRIND_MAKE_MEM_NOACCESS(rshi_mc_addr(addr), (size_t)(size)))
#define rshi_mem_poison(addr, size)                                                                \
	((void)VALGRIND_MAKE_MEM_NOACCESS(rshi_mc_addr(addr), (size_t)(size)))
#define rshi_mem_unpoison(addr, size)                                                              \
	((void)VALGRIND_MAKE_MEM_DEFINED(rshi_mc_addr(addr), (size_t)(size)))

/*
 * Validity bits, by way of a buffer: forwards when @dst is below @src, backwards when above, as
 * memmove. A chunk that is not addressable keeps what it had.
 */
RSHI_INLINE void rshi_mem_move(const volatile void *dst, const volatile void *src, size_t size)
{
	const uintptr_t to = (uintptr_t)dst, from = (uintptr_t)src;
	unsigned char bits[64];
	size_t done, chunk, at;

	for (done = 0; done < size; done += chunk) {
		chunk = size - done < sizeof(bits) ? size - done : sizeof(bits);
		at = to <= from ? done : size - done - chunk;
		if (VALGRIND_GET_VBITS(from + at, bits, chunk) == 1)
			(void)VALGRIND_SET_VBITS(to + at, bits, chunk);
	}
}

/* The request that finds the first bad byte also reports it: reporting is off meanwhile. */
RSHI_INLINE ptrdiff_t rshi_mem_check(const volatile void *addr, size_t size)
{
	uintptr_t bad;

	VALGRIND_DISABLE_ERROR_REPORTING;
	bad = VALGRIND_CHECK_MEM_IS_DEFINED((uintptr_t)addr, size);
	VALGRIND_ENABLE_ERROR_REPORTING;
	return bad == 0 ? -1 : (ptrdiff_t)(bad - (uintptr_t)addr);
}

#endif
