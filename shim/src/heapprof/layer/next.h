/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_NEXT_H
#define RSH_HEAPPROF_NEXT_H

/*
 * libraceshim-heap: what stands before the program's allocator, and what it stands before.
 *
 * Each function of the program's is here once. It asks whether there is anything to do, and nearly
 * always there is not: then it jumps to the next function of its name. What there is to do is in
 * functions that are jumped to as well, so that the return address is the program's in all of them.
 *
 * In a library, or in an executable that loads libraries, it has the names of the program's functions.
 * The first allocation comes before any constructor. The next functions are looked up then (next.c);
 * what is allocated by the lookup itself comes out of an array, and stays there. In an executable that
 * is linked statically nothing can be looked up: there the linker leads the program's calls here, and
 * knows the next functions (linked.c).
 */

#include <stddef.h>

#include "heapprof/layer.h"

#define LAYER_LIKELY(x)    __builtin_expect(!!(x), 1)
#define LAYER_SEPARATE     __attribute__((noinline))
#define LAYER_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#ifndef LAYER_PREFIX
#define LAYER_PREFIX ""
#endif
/*
 * What the program calls when it calls the function @name: that function itself, or what the linker
 * makes of it (--wrap), by the prefix that this is compiled with.
 */
#define LAYER_FUNCTION(name) __asm__(LAYER_PREFIX #name) __attribute__((visibility("default")))
/* Of the library's own: where it is known to be near no address has to be looked up. */
#define LAYER_NEAR           __attribute__((visibility("hidden")))

/* Whoever needs one part of the library gets all that C programs call. */
extern const char layer_allocates;
void *layer_reallocarray(void *p, size_t n, size_t size) LAYER_FUNCTION(reallocarray);

/* The next functions; atomic, at first functions that look. */
struct layer_next {
	void *(*malloc)(size_t size);
	void *(*calloc)(size_t n, size_t size);
	void *(*realloc)(void *p, size_t size);
	void (*free)(void *p);
	void *(*memalign)(size_t alignment, size_t size);
	void *(*aligned_alloc)(size_t alignment, size_t size);
	int (*posix_memalign)(void **p, size_t alignment, size_t size);
	void *(*valloc)(size_t size);
	void *(*pvalloc)(size_t size);
};

extern LAYER_NEAR struct layer_next layer_next;
extern LAYER_NEAR const struct rsh_heapprof_layer *layer_profile; /* NULL: nothing is told */
extern LAYER_NEAR struct rshi_heap_gate layer_gate;
extern LAYER_NEAR LAYER_THREAD_LOCAL struct rshi_heap_thread layer_thread;

/* Tell the profile that there is somebody who tells. Before there is a second thread. */
void layer_enter(void);

static inline int layer_is_due(size_t size)
{
	return rshi_heap_is_due(&layer_gate, &layer_thread, size);
}

/* The rate is another one: from now on all threads are to ask. */
void layer_rate_has_changed(void);

/* Where operators are, which others of the program's and of the library's are called from. */
#define LAYER_OPERATORS __attribute__((section("layer_operators")))

/* How many pcs are not the program's: of an operator that calls others, which call malloc. */
size_t layer_cut(const uintptr_t *pcs, size_t n);

/* What is due has been allocated, or is NULL. */
static inline void layer_tell(const void *p, size_t size, const struct rshi_here *here)
{
	if (layer_profile)
		layer_profile->alloc_sig(&layer_thread, p, size, here, layer_cut);
}

/* Whether something is to be done before @p is freed. */
static inline int layer_may_matter(const void *p)
{
	return rshi_heap_may_be_followed(&layer_gate, p);
}

/* The size of what the lookup has allocated at @p, or -1 if it is not there. */
ptrdiff_t layer_size_in_array(const void *p);

/* Do it; returns 0 if it is not to be freed. */
static inline int layer_forget(const void *p)
{
	return (layer_profile && layer_profile->free_sig(p)) || layer_size_in_array(p) < 0;
}

/* The next function of this name, or NULL. */
void *layer_find(const char *name);

#endif /* RSH_HEAPPROF_NEXT_H */
