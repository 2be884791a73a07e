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

#include "perturb.h"

#define EXPORTED __attribute__((visibility("default")))

/* Name, what it is, parameters, arguments. */
#define RSHI_EVENTS(X)                                                                             \
	X(pthread_mutex_lock, RSHI_TAKES, (void *a), (a))                                          \
	X(pthread_mutex_trylock, RSHI_TAKES, (void *a), (a))                                       \
	X(pthread_mutex_timedlock, RSHI_TAKES, (void *a, const void *b), (a, b))                   \
	X(pthread_mutex_unlock, RSHI_GIVES, (void *a), (a))                                        \
	X(pthread_rwlock_rdlock, RSHI_TAKES, (void *a), (a))                                       \
	X(pthread_rwlock_wrlock, RSHI_TAKES, (void *a), (a))                                       \
	X(pthread_rwlock_tryrdlock, RSHI_TAKES, (void *a), (a))                                    \
	X(pthread_rwlock_trywrlock, RSHI_TAKES, (void *a), (a))                                    \
	X(pthread_rwlock_unlock, RSHI_GIVES, (void *a), (a))                                       \
	X(pthread_spin_lock, RSHI_TAKES, (void *a), (a))                                           \
	X(pthread_spin_trylock, RSHI_TAKES, (void *a), (a))                                        \
	X(pthread_spin_unlock, RSHI_GIVES, (void *a), (a))                                         \
	X(pthread_cond_wait, RSHI_TAKES, (void *a, void *b), (a, b))                               \
	X(pthread_cond_timedwait, RSHI_TAKES, (void *a, void *b, const void *c), (a, b, c))        \
	X(pthread_cond_signal, RSHI_GIVES, (void *a), (a))                                         \
	X(pthread_cond_broadcast, RSHI_GIVES, (void *a), (a))                                      \
	X(pthread_barrier_wait, RSHI_TAKES, (void *a), (a))                                        \
	X(pthread_join, RSHI_TAKES, (unsigned long a, void **b), (a, b))                           \
	X(sem_wait, RSHI_TAKES, (void *a), (a))                                                    \
	X(sem_trywait, RSHI_TAKES, (void *a), (a))                                                 \
	X(sem_timedwait, RSHI_TAKES, (void *a, const void *b), (a, b))                             \
	X(sem_post, RSHI_GIVES, (void *a), (a))

#define CREATE_PARAMETERS (void *thread, const void *attr, void *(*start)(void *), void *arg)

/* The detector, if there is one: nothing else is worth being held up. */
extern void rshi_tsan_func_entry(void) __asm__("__tsan_func_entry") __attribute__((weak));

/* NOLINTBEGIN(bugprone-macro-parentheses): the lists bring their own. */

/* What the hooks go on to; atomic, and the same for whoever finds it. */
#define RSHI_NEXT(name, event, parameters, arguments) static int(*next_##name) parameters;
RSHI_EVENTS(RSHI_NEXT)
static int(*next_create) CREATE_PARAMETERS;

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
	int(*found) CREATE_PARAMETERS;

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
	if (rshi_tsan_func_entry)
		rshi_perturb_init(environment);
}

/* A detector may call us before our constructor. */
#define RSHI_HOOK(name, event, parameters, arguments)                                              \
	EXPORTED int name parameters;                                                              \
	int name parameters                                                                        \
	{                                                                                          \
		if (!__atomic_load_n(&next_##name, __ATOMIC_RELAXED)) /* whoever, the same */      \
			find_all();                                                                \
		rshi_perturb(event);                                                               \
		return next_##name arguments;                                                      \
	}
RSHI_EVENTS(RSHI_HOOK)

EXPORTED int pthread_create CREATE_PARAMETERS;
int pthread_create CREATE_PARAMETERS
{
	void *child;

	if (!__atomic_load_n(&next_create, __ATOMIC_RELAXED)) /* whoever, the same */
		find_all();
	rshi_perturb(RSHI_MAKES);
	child = rshi_perturb_child(start, arg);
	return next_create(thread, attr, child ? rshi_perturb_begin : start, child ? child : arg);
}
