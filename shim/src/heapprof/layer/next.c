/* SPDX-License-Identifier: BSD-2-Clause */
/* The next functions, and how they are found where there is somebody to ask. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <errno.h>

#include "next.h"

#define ARRAY  65536
#define HEADER 16

/* A detector's, if its runtime is in the executable: what would have been called without us. */
#define RUNTIMES(name) __asm__("__interceptor_" #name) __attribute__((weak))
extern void *layer_runtime_malloc(size_t size) RUNTIMES(malloc);
extern void *layer_runtime_calloc(size_t n, size_t size) RUNTIMES(calloc);
extern void *layer_runtime_realloc(void *p, size_t size) RUNTIMES(realloc);
extern void layer_runtime_free(void *p) RUNTIMES(free);
extern void *layer_runtime_memalign(size_t alignment, size_t size) RUNTIMES(memalign);
extern void *layer_runtime_aligned_alloc(size_t alignment, size_t size) RUNTIMES(aligned_alloc);
extern int layer_runtime_posix_memalign(void **p, size_t alignment, size_t size)
        RUNTIMES(posix_memalign);
extern void *layer_runtime_valloc(size_t size) RUNTIMES(valloc);
extern void *layer_runtime_pvalloc(size_t size) RUNTIMES(pvalloc);

static LAYER_THREAD_LOCAL int is_looking;

/* What the lookup allocates; each with its size in front, all zeros. */
static _Alignas(4096) unsigned char array[ARRAY];
static size_t array_used; /* atomic */

static void *from_array(size_t size)
{
	size_t whole = HEADER + ((size + 15) & ~(size_t)15);
	size_t at = __atomic_fetch_add(&array_used, whole, __ATOMIC_RELAXED);

	if (size > ARRAY || at + whole > ARRAY) {
		errno = ENOMEM;
		return NULL;
	}
	*(size_t *)(array + at) = size;
	return array + at + HEADER;
}

ptrdiff_t layer_size_in_array(const void *p)
{
	size_t at = (uintptr_t)p - (uintptr_t)array;

	return at < ARRAY ? *(ptrdiff_t *)(array + at - HEADER) : -1;
}

void *layer_find(const char *name)
{
	void *found;

	is_looking++;
	found = dlsym(RTLD_NEXT, name);
	if (!found)
		/* Each thread has its own. NOLINTNEXTLINE(concurrency-mt-unsafe) */
		(void)dlerror();
	is_looking--;
	return found;
}

static void set(void *next, const char *name, void *runtimes)
{
	void *found = runtimes ? runtimes : layer_find(name);

	/* Relaxed: whoever looks finds the same. */
	if (found)
		__atomic_store_n((void **)next, found, __ATOMIC_RELAXED);
}

#define SET(name) set(&layer_next.name, #name, (void *)(uintptr_t)layer_runtime_##name)

static void look(void)
{
	SET(malloc);
	SET(calloc);
	SET(realloc);
	SET(free);
	SET(memalign);
	SET(aligned_alloc);
	SET(posix_memalign);
	SET(valloc);
	SET(pvalloc);
	layer_enter();
	/* What is in the array is not to be freed by anybody else. */
	for (size_t at = 0; at < ARRAY; at += (size_t)1 << RSHI_HEAP_PAGE_BITS)
		__atomic_store_n(&layer_gate.pages[rshi_heap_page(array + at)], RSHI_HEAP_MANY,
		                 __ATOMIC_RELAXED);
}

/* What each function is at first. Without a next one there is no memory. */
static int found_by_looking(const void *next, void *first)
{
	void *now;

	look();
	now = __atomic_load_n((void *const *)next, __ATOMIC_RELAXED);
	if (now == first)
		errno = ENOMEM;
	return now != first;
}

#define FIRST(name) found_by_looking(&layer_next.name, (void *)(uintptr_t)first_##name)

static void *first_malloc(size_t size)
{
	if (is_looking)
		return from_array(size);
	return FIRST(malloc) ? layer_next.malloc(size) : NULL;
}

static void *first_calloc(size_t n, size_t size)
{
	if (is_looking)
		return from_array(__builtin_mul_overflow(n, size, &size) ? SIZE_MAX / 2 : size);
	return FIRST(calloc) ? layer_next.calloc(n, size) : NULL;
}

static void *first_realloc(void *p, size_t size)
{
	if (is_looking)
		return p ? NULL : from_array(size);
	return FIRST(realloc) ? layer_next.realloc(p, size) : NULL;
}

static void first_free(void *p)
{
	if (!is_looking && FIRST(free))
		layer_next.free(p);
}

static void *first_memalign(size_t alignment, size_t size)
{
	return !is_looking && FIRST(memalign) ? layer_next.memalign(alignment, size) : NULL;
}

static void *first_aligned_alloc(size_t alignment, size_t size)
{
	return !is_looking && FIRST(aligned_alloc) ? layer_next.aligned_alloc(alignment, size)
	                                           : NULL;
}

static int first_posix_memalign(void **p, size_t alignment, size_t size)
{
	return !is_looking && FIRST(posix_memalign) ? layer_next.posix_memalign(p, alignment, size)
	                                            : ENOMEM;
}

static void *first_valloc(size_t size)
{
	return !is_looking && FIRST(valloc) ? layer_next.valloc(size) : NULL;
}

static void *first_pvalloc(size_t size)
{
	return !is_looking && FIRST(pvalloc) ? layer_next.pvalloc(size) : NULL;
}

struct layer_next layer_next = {
        .malloc = first_malloc,
        .calloc = first_calloc,
        .realloc = first_realloc,
        .free = first_free,
        .memalign = first_memalign,
        .aligned_alloc = first_aligned_alloc,
        .posix_memalign = first_posix_memalign,
        .valloc = first_valloc,
        .pvalloc = first_pvalloc,
};
