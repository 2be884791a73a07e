/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks in a shared library, in front of libc's functions for the whole process. A detector's runtime
 * that is linked into the program is in front of us, and calls us in libc's place; one that is a
 * library itself is called by us, but where it is preloaded before.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>

#include <raceshim/raceshim.h>

#include "detector.h"
#include "wait_hooks.h"

const char rshi_hooks_wrapped = 1;

static inline void push(uintptr_t pc)
{
	const struct rshi_caller caller = {.pc = (void *)pc};

	rshi_frame_push(&caller);
}

static void find_all(void);

/*
 * What each hook goes on to: at first a function that finds out, so that nobody has to ask. Whoever
 * finds out finds the same.
 */
#define RSHI_LOCK(name, parameters, arguments, lock, kind, may_wait, mine)                         \
	RSHI_FIND(name, RSHI_LIST(parameters), RSHI_LIST(arguments))
#define RSHI_UNLOCK(name, parameters, arguments, lock, kind, has_waiters)                          \
	RSHI_FIND(name, RSHI_LIST(parameters), RSHI_LIST(arguments))
#define RSHI_COND(name, parameters, arguments, lock, has_waiters)                                  \
	RSHI_FIND(name, RSHI_LIST(parameters), RSHI_LIST(arguments))
#define RSHI_WAIT(name, parameters, arguments, kind, may_wait, has_waited)                         \
	RSHI_FIND(name, RSHI_LIST(parameters), RSHI_LIST(arguments))
#define RSHI_FIND(name, parameters, arguments)                                                     \
	static int find_##name(parameters);                                                        \
	static int (*next_##name)(parameters) = find_##name; /* atomic */                          \
	static int find_##name(parameters)                                                         \
	{                                                                                          \
		find_all();                                                                        \
		return __atomic_load_n(&next_##name, __ATOMIC_RELAXED)(arguments);                 \
	}
RSHI_FUNCTIONS
#undef RSHI_FIND

/* There is no such function in this libc: nobody could call it but by our being there. */
static int missing(void)
{
	return ENOSYS;
}

/* All at once, before main if possible: dlsym takes a lock that must not be waited for later. */
#define RSHI_FIND(name, parameters, arguments)                                                     \
	{                                                                                          \
		int (*found)(parameters);                                                          \
		void *symbol = dlsym(RTLD_NEXT, #name);                                            \
		*(void **)&found = symbol ? symbol : (void *)(uintptr_t)missing;                   \
		__atomic_store_n(&next_##name, found, __ATOMIC_RELAXED);                           \
	}
__attribute__((constructor(101))) static void find_all(void)
{
	RSHI_FUNCTIONS
}
#undef RSHI_FIND
#undef RSHI_LOCK
#undef RSHI_UNLOCK
#undef RSHI_COND
#undef RSHI_WAIT

#define RSHI_DECLARE(name, parameters)
#define RSHI_NAME(name)       RSH_API name
#define RSHI_NEXT(name)       __atomic_load_n(&next_##name, __ATOMIC_RELAXED)
#define RSHI_IS_WATCHED(name) rshi_is_watched_in_front(RSHI_N_##name)
#define RSHI_PUSH(pc)         push(pc)
#define RSHI_POP()            rshi_frame_pop()

#include "wait_hooks_body.h"
