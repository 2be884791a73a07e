/* SPDX-License-Identifier: BSD-2-Clause */
/* The detector's hooks: asking for them, and getting to know what they are called from. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif

#include <dlfcn.h>
#include <errno.h>

#include <raceshim/heapprof.h>

#include "core/detector.h"
#include "core/lock.h"
#include "hooks.h"

#define SIZE  64
#define LARGE 100000 /* does not fit where the other one is */

/* How a function is called. */
enum shape { SIZES, OLD, OUT, TEXT };

/* By name: the program need not have them, and they have to be whatever it has. */
static const struct allocator {
	const char *allocate, *free;
	enum shape shape;
} allocators[] = {
        {"malloc", "free", SIZES},
        {"calloc", "free", SIZES},
        {"realloc", "free", OLD},
        {"reallocarray", "free", OLD},
        {"aligned_alloc", "free", SIZES},
        {"memalign", "free", SIZES},
        {"valloc", "free", SIZES},
        {"pvalloc", "free", SIZES},
        {"posix_memalign", "free", OUT},
        {"strdup", "free", TEXT},
        {"strndup", "free", TEXT},
        {"_Znwm", "_ZdlPv", SIZES},
        {"_Znam", "_ZdaPv", SIZES},
        {"_ZnwmRKSt9nothrow_t", "_ZdlPv", SIZES},
        {"_ZnamRKSt9nothrow_t", "_ZdaPv", SIZES},
        {"_ZnwmSt11align_val_t", "_ZdlPvSt11align_val_t", SIZES},
        {"_ZnamSt11align_val_t", "_ZdaPvSt11align_val_t", SIZES},
        {"_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZdlPvSt11align_val_t", SIZES},
        {"_ZnamSt11align_val_tRKSt9nothrow_t", "_ZdaPvSt11align_val_t", SIZES},
};

/* Registers hold the arguments of all of them, and what a function does not take it does not see. */
typedef void *allocate_function(const void *first, size_t second, size_t third);
typedef void free_function(void *p, size_t alignment);

static void *find(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

/* Not to be inlined: its caller's pc is where the detector's end. */
static __attribute__((noinline)) void *call(allocate_function *allocate, const void *first,
                                            size_t second, size_t third)
{
	const struct rshi_here here = RSHI_HERE();
	void *p;

	rshi_heap_learn_sig(&here);
	p = allocate(first, second, third);
	rshi_heap_learn_sig(NULL);
	return p;
}

static void get_to_know(const struct allocator *a)
{
	allocate_function *allocate;
	free_function *release;
	void *old, *p = NULL;

	*(void **)&allocate = find(a->allocate);
	*(void **)&release = find(a->free);
	if (!allocate || !release)
		return;
	switch (a->shape) {
	case SIZES:
		p = call(allocate, (void *)(uintptr_t)SIZE, SIZE, SIZE);
		break;
	case OLD:
		p = call(allocate, NULL, SIZE, 1);
		old = p;
		if (old)
			p = call(allocate, old, LARGE, 1);
		break;
	case OUT:
		(void)call(allocate, &p, SIZE, SIZE);
		break;
	case TEXT:
		p = call(allocate, "x", SIZE, SIZE);
		break;
	}
	if (p)
		release(p, SIZE);
}

void rshi_heap_hooks_get_to_know(void)
{
	uint64_t mask = 0;

	/* What a handler allocates is called from elsewhere. */
	rshi_sigblock_sig(RSHI_ASYNCHRONOUS, &mask);
	for (size_t i = 0; i < sizeof(allocators) / sizeof(*allocators); i++)
		get_to_know(&allocators[i]);
	rshi_sigmask_sig(mask);
}

int rshi_heap_hooks_install(void)
{
	static int is_done; /* guarded by the lock */

	if (!rshi_sanitizer_install_malloc_and_free_hooks)
		return RSH_EHEAPSOURCE;
	if (!is_done)
		is_done = rshi_sanitizer_install_malloc_and_free_hooks(rshi_heap_hook_alloc_sig,
		                                                       rshi_heap_hook_free_sig);
	return is_done ? 0 : ENOSPC;
}
