/* SPDX-License-Identifier: BSD-2-Clause */
/* The next functions where the linker leads the program's calls here. */

#include "next.h"

#define REAL(name)          __asm__("__real_" #name)
/* Of an allocator that lacks one nobody calls it, or there would be two allocators in the program. */
#define REAL_IF_THERE(name) REAL(name) __attribute__((weak))

extern void *layer_real_malloc(size_t size) REAL(malloc);
extern void *layer_real_calloc(size_t n, size_t size) REAL(calloc);
extern void *layer_real_realloc(void *p, size_t size) REAL(realloc);
extern void layer_real_free(void *p) REAL(free);
extern void *layer_real_memalign(size_t alignment, size_t size) REAL_IF_THERE(memalign);
extern void *layer_real_aligned_alloc(size_t alignment, size_t size) REAL_IF_THERE(aligned_alloc);
extern int layer_real_posix_memalign(void **p, size_t alignment, size_t size)
        REAL_IF_THERE(posix_memalign);
extern void *layer_real_valloc(size_t size) REAL_IF_THERE(valloc);
extern void *layer_real_pvalloc(size_t size) REAL_IF_THERE(pvalloc);

struct layer_next layer_next = {
        .malloc = layer_real_malloc,
        .calloc = layer_real_calloc,
        .realloc = layer_real_realloc,
        .free = layer_real_free,
        .memalign = layer_real_memalign,
        .aligned_alloc = layer_real_aligned_alloc,
        .posix_memalign = layer_real_posix_memalign,
        .valloc = layer_real_valloc,
        .pvalloc = layer_real_pvalloc,
};

/* Before the constructors that may begin the profile; earlier allocations are none of it anyway. */
__attribute__((constructor(101))) static void enter(void)
{
	layer_enter();
}

ptrdiff_t layer_size_in_array(const void *p)
{
	(void)p;
	return -1;
}
