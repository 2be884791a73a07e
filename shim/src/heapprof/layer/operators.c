/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C++'s operators new and delete. The usual ones call malloc, which tells; those of allocators do not.
 * So it is told afterwards, if nobody has. An exception passes through, which needs nothing done.
 */

#include "next.h"

/* In a program without them nobody calls them. */
#define OPERATOR(symbol) LAYER_FUNCTION(symbol) LAYER_OPERATORS

/*
 * In a program without C++ there are none behind us, and whoever calls one all the same, since it is
 * there, gets malloc's memory. What these do not take of the arguments is left out.
 */
static void *aligned(size_t size, size_t alignment)
{
	return layer_next.memalign(alignment, size);
}

static void *find(void **next, const char *name, void *otherwise)
{
	void *found = __atomic_load_n(next, __ATOMIC_RELAXED);

	if (LAYER_LIKELY(found != NULL))
		return found;
	found = layer_find(name);
	if (!found)
		found = otherwise;
	/* Relaxed: whoever looks finds the same. */
	__atomic_store_n(next, found, __ATOMIC_RELAXED);
	return found;
}

/* The function's own @call of the next one, between two looks at what this thread has counted. */
#define TELL_OF(call)                                                                              \
	do {                                                                                       \
		const struct rshi_here here = RSHI_HERE();                                         \
		struct rshi_heap_thread before = layer_thread;                                     \
		void *p = (call);                                                                  \
                                                                                                   \
		if (before.count == layer_thread.count &&                                          \
		    before.samples == layer_thread.samples &&                                      \
		    before.generation == layer_thread.generation && layer_is_due(size))            \
			layer_tell(p, size, &here);                                                \
		return p;                                                                          \
	} while (0)

#define NEXT(symbol, otherwise) find(&next, #symbol, (void *)(uintptr_t)(otherwise))

#define NEW(name, symbol)                                                                          \
	void *name(size_t size) OPERATOR(symbol);                                                  \
	void *name(size_t size)                                                                    \
	{                                                                                          \
		static void *next;                                                                 \
                                                                                                   \
		TELL_OF(((void *(*)(size_t))NEXT(symbol, layer_next.malloc))(size));               \
	}

#define NEW_2(name, symbol, type, otherwise)                                                       \
	void *name(size_t size, type second) OPERATOR(symbol);                                     \
	void *name(size_t size, type second)                                                       \
	{                                                                                          \
		static void *next;                                                                 \
                                                                                                   \
		TELL_OF(((void *(*)(size_t, type))NEXT(symbol, otherwise))(size, second));         \
	}

#define NEW_3(name, symbol)                                                                        \
	void *name(size_t size, size_t alignment, const void *nothrow) OPERATOR(symbol);           \
	void *name(size_t size, size_t alignment, const void *nothrow)                             \
	{                                                                                          \
		static void *next;                                                                 \
                                                                                                   \
		TELL_OF(((void *(*)(size_t, size_t, const void *))NEXT(symbol, aligned))(          \
		        size, alignment, nothrow));                                                \
	}

NEW(layer_new, _Znwm)
NEW(layer_new_array, _Znam)
NEW_2(layer_new_nothrow, _ZnwmRKSt9nothrow_t, const void *, layer_next.malloc)
NEW_2(layer_new_array_nothrow, _ZnamRKSt9nothrow_t, const void *, layer_next.malloc)
NEW_2(layer_new_aligned, _ZnwmSt11align_val_t, size_t, aligned)
NEW_2(layer_new_array_aligned, _ZnamSt11align_val_t, size_t, aligned)
NEW_3(layer_new_aligned_nothrow, _ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_3(layer_new_array_aligned_nothrow, _ZnamSt11align_val_tRKSt9nothrow_t)

/* What is behind the pointer are sizes, alignments and tags: words, whichever they are. */
#define DELETE(name, symbol)                                                                       \
	void name(void *p, size_t second, size_t third) OPERATOR(symbol);                          \
	void name(void *p, size_t second, size_t third)                                            \
	{                                                                                          \
		static void *next;                                                                 \
                                                                                                   \
		if (LAYER_LIKELY(!layer_may_matter(p)) || layer_forget(p))                         \
			((void (*)(void *, size_t, size_t))NEXT(symbol, layer_next.free))(         \
			        p, second, third);                                                 \
	}

DELETE(layer_delete, _ZdlPv)
DELETE(layer_delete_array, _ZdaPv)
DELETE(layer_delete_sized, _ZdlPvm)
DELETE(layer_delete_array_sized, _ZdaPvm)
DELETE(layer_delete_nothrow, _ZdlPvRKSt9nothrow_t)
DELETE(layer_delete_array_nothrow, _ZdaPvRKSt9nothrow_t)
DELETE(layer_delete_aligned, _ZdlPvSt11align_val_t)
DELETE(layer_delete_array_aligned, _ZdaPvSt11align_val_t)
DELETE(layer_delete_sized_aligned, _ZdlPvmSt11align_val_t)
DELETE(layer_delete_array_sized_aligned, _ZdaPvmSt11align_val_t)
DELETE(layer_delete_aligned_nothrow, _ZdlPvSt11align_val_tRKSt9nothrow_t)
DELETE(layer_delete_array_aligned_nothrow, _ZdaPvSt11align_val_tRKSt9nothrow_t)
