/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_BENCH_STACK_H
#define RSH_BENCH_STACK_H

/* A stack as deep as wanted, the thread's own clock, and libunwind if it is there. */

#include <dlfcn.h>
#include <stdint.h>
#include <time.h>

#define FRAMES    14
#define UNW_RIP   16
#define UNW_WORDS 127

static int (*unw_init)(uint64_t *cursor, void *context, int flags);
static int (*unw_step)(uint64_t *cursor);
static int (*unw_get_reg)(uint64_t *cursor, int reg, uintptr_t *value);

static inline void load_libunwind(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return;
	unw_init = dlsym(library, "_ULx86_64_init_local2");
	unw_get_reg = dlsym(library, "_ULx86_64_get_reg");
	unw_step = dlsym(library, "_ULx86_64_step");
}

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static volatile int depth_wanted;

/* Call @at_the_end below @depth_wanted more frames. */
__attribute__((noinline)) static int descend(int depth, void (*at_the_end)(void))
{
	volatile char some[64];

	some[depth % 64] = 1;
	if (depth < depth_wanted)
		return descend(depth + 1, at_the_end) + some[0];
	at_the_end();
	return some[1];
}

#endif /* RSH_BENCH_STACK_H */
