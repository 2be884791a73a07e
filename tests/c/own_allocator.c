/* SPDX-License-Identifier: BSD-2-Clause */
/* libc's allocator, or the detector's, and somebody who is called. */

#include "own_allocator.h"

#include <stddef.h>

#include <raceshim/detect.h>

#include "check.h"

static void (*called)(void); /* atomic */

static void call(void)
{
	void (*function)(void) = __atomic_load_n(&called, __ATOMIC_ACQUIRE);

	if (function)
		function();
}

#if RSH_HAS_TSAN || RSH_HAS_ASAN || RSH_HAS_MSAN
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *p, size_t n),
                                              void (*freed)(const volatile void *p));

static void allocated(const volatile void *p, size_t n)
{
	(void)p;
	(void)n;
	call();
}

static void freed(const volatile void *p)
{
	(void)p;
	call();
}

void own_allocator_calls(void (*function)(void))
{
	__atomic_store_n(&called, function, __ATOMIC_RELEASE);
	CHECK(__sanitizer_install_malloc_and_free_hooks(allocated, freed));
}
#else
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

void *malloc(size_t n)
{
	call();
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	call();
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	call();
	return __libc_realloc(p, n);
}

void free(void *p)
{
	call();
	__libc_free(p);
}

void own_allocator_calls(void (*function)(void))
{
	__atomic_store_n(&called, function, __ATOMIC_RELEASE);
}
#endif
