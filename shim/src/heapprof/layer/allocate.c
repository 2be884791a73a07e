/* SPDX-License-Identifier: BSD-2-Clause */
/* C's functions that allocate and free. */

#include <stddef.h>

#include <raceshim/sigsafe.h>

#include "next.h"

const char layer_allocates = 1;

void *layer_malloc(size_t size) LAYER_FUNCTION(malloc);
void *layer_calloc(size_t n, size_t size) LAYER_FUNCTION(calloc);
void layer_free(void *p) LAYER_FUNCTION(free);
void *layer_realloc(void *p, size_t size) LAYER_FUNCTION(realloc);
void *layer_memalign(size_t alignment, size_t size) LAYER_FUNCTION(memalign);
void *layer_aligned_alloc(size_t alignment, size_t size) LAYER_FUNCTION(aligned_alloc);
int layer_posix_memalign(void **p, size_t alignment, size_t size) LAYER_FUNCTION(posix_memalign);
void *layer_valloc(size_t size) LAYER_FUNCTION(valloc);
void *layer_pvalloc(size_t size) LAYER_FUNCTION(pvalloc);

static LAYER_SEPARATE void *malloc_due(size_t size)
{
	const struct rshi_here here = RSHI_HERE();
	void *p = layer_next.malloc(size);

	layer_tell(p, size, &here);
	return p;
}

static void *malloc_unless_changed(size_t size);

/*
 * Atomic: what malloc, which is called most, goes on to when nothing is due. Once the only thread has
 * come by that is the next one, and nobody looks whether the rate is another: threads that come later
 * ask for it at once. When it changes and there are others already, all look from then on.
 */
static void *(*malloc_undue)(size_t size) = malloc_unless_changed;

void layer_rate_has_changed(void)
{
	/* Relaxed: until they see it threads go on as before, as if the change had come then. */
	__atomic_store_n(&malloc_undue, malloc_unless_changed, __ATOMIC_RELAXED);
}

static LAYER_SEPARATE void *malloc_unless_changed(size_t size)
{
	if (layer_profile && rshi_heap_is_only_thread())
		__atomic_store_n(&malloc_undue, layer_next.malloc, __ATOMIC_RELAXED);
	if (rshi_heap_knows_rate(&layer_gate, &layer_thread))
		return layer_next.malloc(size);
	return malloc_due(size);
}

void *layer_malloc(size_t size)
{
	if (LAYER_LIKELY(!rshi_heap_count(&layer_thread, size)))
		return malloc_undue(size);
	return malloc_due(size);
}

static LAYER_SEPARATE void *calloc_due(size_t n, size_t size)
{
	const struct rshi_here here = RSHI_HERE();
	void *p = layer_next.calloc(n, size);

	layer_tell(p, n * size, &here);
	return p;
}

void *layer_calloc(size_t n, size_t size)
{
	if (LAYER_LIKELY(!layer_is_due(n * size)))
		return layer_next.calloc(n, size);
	return calloc_due(n, size);
}

static LAYER_SEPARATE void free_followed(void *p)
{
	if (layer_forget(p))
		layer_next.free(p);
}

void layer_free(void *p)
{
	if (LAYER_LIKELY(!layer_may_matter(p)))
		layer_next.free(p);
	else
		free_followed(p);
}

/* The old object is gone before somebody else may get its address, or else it is still there. */
static LAYER_SEPARATE void *realloc_due(void *p, size_t size, int is_due)
{
	const struct rshi_here here = RSHI_HERE();
	ptrdiff_t in_array = layer_size_in_array(p);
	struct rshi_heap_object object;
	int was_followed = 0;
	void *moved;

	if (in_array >= 0) {
		moved = layer_next.malloc(size);
		if (moved)
			rsh_memcpy_sig(moved, p, (size_t)in_array < size ? (size_t)in_array : size);
	} else {
		was_followed = layer_profile && layer_profile->take_sig(p, &object);
		moved = layer_next.realloc(p, size);
	}
	if (was_followed && !moved && size)
		layer_profile->back_sig(p, &object);
	else if (was_followed)
		layer_profile->gone_sig(p, &object);
	if (is_due)
		layer_tell(moved, size, &here);
	return moved;
}

void *layer_realloc(void *p, size_t size)
{
	int is_due = layer_is_due(size);

	if (LAYER_LIKELY(!is_due && !layer_may_matter(p)))
		return layer_next.realloc(p, size);
	return realloc_due(p, size, is_due);
}

static LAYER_SEPARATE void *memalign_due(size_t alignment, size_t size)
{
	const struct rshi_here here = RSHI_HERE();
	void *p = layer_next.memalign(alignment, size);

	layer_tell(p, size, &here);
	return p;
}

void *layer_memalign(size_t alignment, size_t size)
{
	if (LAYER_LIKELY(!layer_is_due(size)))
		return layer_next.memalign(alignment, size);
	return memalign_due(alignment, size);
}

static LAYER_SEPARATE void *aligned_alloc_due(size_t alignment, size_t size)
{
	const struct rshi_here here = RSHI_HERE();
	void *p = layer_next.aligned_alloc(alignment, size);

	layer_tell(p, size, &here);
	return p;
}

void *layer_aligned_alloc(size_t alignment, size_t size)
{
	if (LAYER_LIKELY(!layer_is_due(size)))
		return layer_next.aligned_alloc(alignment, size);
	return aligned_alloc_due(alignment, size);
}

static LAYER_SEPARATE int posix_memalign_due(void **p, size_t alignment, size_t size)
{
	const struct rshi_here here = RSHI_HERE();
	int err = layer_next.posix_memalign(p, alignment, size);

	if (!err)
		layer_tell(*p, size, &here);
	return err;
}

int layer_posix_memalign(void **p, size_t alignment, size_t size)
{
	if (LAYER_LIKELY(!layer_is_due(size)))
		return layer_next.posix_memalign(p, alignment, size);
	return posix_memalign_due(p, alignment, size);
}

static LAYER_SEPARATE void *valloc_due(size_t size)
{
	const struct rshi_here here = RSHI_HERE();
	void *p = layer_next.valloc(size);

	layer_tell(p, size, &here);
	return p;
}

void *layer_valloc(size_t size)
{
	if (LAYER_LIKELY(!layer_is_due(size)))
		return layer_next.valloc(size);
	return valloc_due(size);
}

static LAYER_SEPARATE void *pvalloc_due(size_t size)
{
	const struct rshi_here here = RSHI_HERE();
	void *p = layer_next.pvalloc(size);

	layer_tell(p, size, &here);
	return p;
}

void *layer_pvalloc(size_t size)
{
	if (LAYER_LIKELY(!layer_is_due(size)))
		return layer_next.pvalloc(size);
	return pvalloc_due(size);
}
