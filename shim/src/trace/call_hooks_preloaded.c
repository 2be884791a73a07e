/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks in a shared library, in front of libc's functions for the whole process, as those on locks
 * are (core/wait_hooks_preloaded.c).
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <errno.h>

#include <raceshim/raceshim.h>

#include "call_functions.h"
#include "core/detector.h"

static inline void push(void *pc)
{
	const struct rshi_caller caller = {.pc = pc};

	rshi_frame_push(&caller);
}

static void find_all(void);

/* What each hook goes on to: at first a function that finds out, so that nobody has to ask. */
#define RSHI_CALL(type, name, parameters, arguments, of)                                           \
	RSHI_FIND(type, name, #name, RSHI_PARTS(parameters), RSHI_PARTS(arguments))
#define RSHI_CHECKED(type, name, parameters, arguments, of)                                        \
	RSHI_FIND(type, name##_chk, "__" #name "_chk", RSHI_PARTS(parameters),                     \
	          RSHI_PARTS(arguments))
#define RSHI_FIND(type, name, symbol, parameters, arguments)                                       \
	static type find_##name(parameters);                                                       \
	static type (*next_##name)(parameters) = find_##name; /* atomic */                         \
	static type find_##name(parameters)                                                        \
	{                                                                                          \
		find_all();                                                                        \
		return __atomic_load_n(&next_##name, __ATOMIC_RELAXED)(arguments);                 \
	}
RSHI_CALLS
#undef RSHI_FIND

/* There is no such function in this libc: nobody could call it but by our being there. */
static ptrdiff_t missing(void)
{
	errno = ENOSYS;
	return -1;
}

/* All at once, before main if possible: dlsym takes a lock that must not be waited for later. */
#define RSHI_FIND(type, name, symbol, parameters, arguments)                                       \
	{                                                                                          \
		type (*found)(parameters);                                                         \
		void *at = dlsym(RTLD_NEXT, symbol);                                               \
		*(void **)&found = at ? at : (void *)(uintptr_t)missing;                           \
		__atomic_store_n(&next_##name, found, __ATOMIC_RELAXED);                           \
	}
__attribute__((constructor(101))) static void find_all(void)
{
	RSHI_CALLS
}
#undef RSHI_FIND
#undef RSHI_CALL
#undef RSHI_CHECKED

/* Under names of our own, since headers have others' ideas of the parameters. */
#define RSHI_DECLARE(type, name, symbol, parameters)                                               \
	RSH_API type rshi_call_##name(parameters) __asm__(symbol);
#define RSHI_NAME(name) rshi_call_##name
#define RSHI_NEXT(name) __atomic_load_n(&next_##name, __ATOMIC_RELAXED)
#define RSHI_PUSH(pc)   push(pc)
#define RSHI_POP()      rshi_frame_pop()

#include "call_hooks_body.h"

__attribute__((constructor)) static void add(void)
{
	(void)rsh_trace_source_add(&source);
}
