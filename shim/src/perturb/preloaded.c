/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library to preload: it stands in front of libc's functions for threads and locks.
 *
 * clang links ThreadSanitizer's runtime into the program, in front of us, and the runtime asks the
 * loader for the next function of that name: that is ours. gcc's runtime is a library behind us. In
 * both cases each hook goes on by a jump, so the detector sees who has called, and no frame of ours.
 * Where there is no ThreadSanitizer, or no wish, the hooks do nothing else.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include "events.h"
#include "perturb.h"

#define EXPORTED __attribute__((visibility("default")))

/* The detector, if there is one: nothing else is worth being held up. */
extern void rshi_tsan_func_entry(void) __asm__("__tsan_func_entry") __attribute__((weak));

/* Programs that are linked with the hooks need none of these. */
extern const char rshi_perturb_linked[] __attribute__((weak));

/* NOLINTBEGIN(bugprone-macro-parentheses): the lists bring their own. */

/* What the hooks go on to; atomic, and the same for whoever finds it. */
#define RSHI_NEXT(name, event, parameters, arguments) static int(*next_##name) parameters;
RSHI_EVENTS(RSHI_NEXT)
static int(*next_create) RSHI_CREATE_PARAMETERS;

/* There is no such function in this libc: nobody could call it but by our being there. */
static int missing(void)
{
	return ENOSYS;
}

static void *find(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	return found ? found : (void *)missing;
}

#define RSHI_FIND(name, event, parameters, arguments)                                              \
	{                                                                                          \
		int(*found) parameters;                                                            \
		*(void **)&found = find(#name);                                                    \
		__atomic_store_n(&next_##name, found, __ATOMIC_RELAXED); /* whoever, the same */   \
	}

static void find_create(void)
{
	int(*found) RSHI_CREATE_PARAMETERS;

	*(void **)&found = find("pthread_create");
	__atomic_store_n(&next_create, found, __ATOMIC_RELAXED); /* whoever, the same */
}

static void find_all(void)
{
	RSHI_EVENTS(RSHI_FIND)
	find_create();
}

/* NOLINTEND(bugprone-macro-parentheses) */

__attribute__((constructor(101))) static void begin(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	find_all();
	if (rshi_tsan_func_entry && !rshi_perturb_linked)
		rshi_perturb_init(environment, dlsym(RTLD_NEXT, "__tsan_func_entry") != NULL);
}

/* A detector may call us before our constructor. */
#define RSHI_HOOK(name, event, parameters, arguments)                                              \
	EXPORTED int name parameters;                                                              \
	int name parameters                                                                        \
	{                                                                                          \
		if (!__atomic_load_n(&next_##name, __ATOMIC_RELAXED)) /* whoever, the same */      \
			find_all();                                                                \
		rshi_perturb(event, (const void *)a);                                              \
		return next_##name arguments;                                                      \
	}
RSHI_EVENTS(RSHI_HOOK)

EXPORTED int pthread_create RSHI_CREATE_PARAMETERS;
int pthread_create RSHI_CREATE_PARAMETERS
{
	void *child;

	if (!__atomic_load_n(&next_create, __ATOMIC_RELAXED)) /* whoever, the same */
		find_all();
	rshi_perturb(RSHI_MAKES, NULL);
	child = rshi_perturb_child(start, arg);
	return next_create(thread, attr, child ? rshi_perturb_begin : start, child ? child : arg);
}
