/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in front of each function: included once by each file that has hooks, which defines
 *
 *   RSHI_DECLARE(name, parameters)  whatever comes before the hook
 *   RSHI_NAME(name)                 what the hook is called
 *   RSHI_NEXT(name)                 what it goes on to
 *   RSHI_IS_WATCHED(name)           whether calls are to be looked at
 *   RSHI_PUSH(pc), RSHI_POP()       around a call that is measured
 *
 * A hook that has nothing to measure jumps: whoever comes next finds the caller's address and no
 * other. What measures is a function of its own, so that the hook needs no frame.
 */

#include "wait_hooks.h"

#define RSHI_APART __attribute__((noinline))

/* What is waited for is always the first argument. */
#define RSHI_OF(first, ...) ((uintptr_t)(first))

/* Of functions of POSIX, and of C11, whose own way to say so is no other's error. */
#define RSHI_HAS_WAITED                                                                            \
	(!result || result == ETIMEDOUT || result == EOWNERDEAD || result == (int)thrd_timedout)

#define RSHI_LOCK(name, parameters, arguments, lock, kind, may_wait, mine)                         \
	RSHI_DECLARE(name, RSHI_LIST(parameters))                                                  \
	RSHI_APART static int rshi_wait_##name(parameters)                                         \
	{                                                                                          \
		const struct rshi_here here = RSHI_HERE();                                         \
		const struct rshi_waited what = {kind, RSHI_OF(arguments, 0), lock};               \
		struct rshi_wait wait;                                                             \
		int result;                                                                        \
                                                                                                   \
		if (mine)                                                                          \
			return RSHI_NEXT(name)(arguments);                                         \
		rshi_watch_begin(&wait, &what);                                                    \
		RSHI_PUSH(here.pc);                                                                \
		result = RSHI_NEXT(name)(arguments);                                               \
		RSHI_POP();                                                                        \
		rshi_watch_end(&wait, &what, RSHI_HAS_WAITED, &here);                              \
		return result;                                                                     \
	}                                                                                          \
	int RSHI_NAME(name)(parameters)                                                            \
	{                                                                                          \
		if (RSHI_IS_WATCHED(name) && (may_wait))                                           \
			return rshi_wait_##name(arguments);                                        \
		return RSHI_NEXT(name)(arguments);                                                 \
	}

#define RSHI_UNLOCK(name, parameters, arguments, lock, kind, has_waiters)                          \
	RSHI_DECLARE(name, RSHI_LIST(parameters))                                                  \
	RSHI_APART static int rshi_wait_##name(parameters)                                         \
	{                                                                                          \
		const struct rshi_here here = RSHI_HERE();                                         \
		const struct rshi_watcher *profile;                                                \
		struct rshi_release release;                                                       \
		int result;                                                                        \
                                                                                                   \
		profile = rshi_watch_release(&release, lock);                                      \
		if (!profile)                                                                      \
			return RSHI_NEXT(name)(arguments);                                         \
		RSHI_PUSH(here.pc);                                                                \
		result = RSHI_NEXT(name)(arguments);                                               \
		RSHI_POP();                                                                        \
		if (!result)                                                                       \
			profile->release_end(&release, kind, &here);                               \
		return result;                                                                     \
	}                                                                                          \
	int RSHI_NAME(name)(parameters)                                                            \
	{                                                                                          \
		if (RSHI_IS_WATCHED(name) && (has_waiters))                                        \
			return rshi_wait_##name(arguments);                                        \
		return RSHI_NEXT(name)(arguments);                                                 \
	}

#define RSHI_COND(name, parameters, arguments, lock, has_waiters)                                  \
	RSHI_DECLARE(name, RSHI_LIST(parameters))                                                  \
	RSHI_APART static int rshi_wait_##name(parameters)                                         \
	{                                                                                          \
		const struct rshi_here here = RSHI_HERE();                                         \
		const struct rshi_watcher *profile = NULL;                                         \
		struct rshi_release release;                                                       \
		const struct rshi_waited what = {RSHI_WAIT_COND, RSHI_OF(arguments, 0), NULL};     \
		struct rshi_wait wait;                                                             \
		int result;                                                                        \
                                                                                                   \
		/* Before it waits, since it may never come back. */                               \
		if (has_waiters)                                                                   \
			profile = rshi_watch_release(&release, lock);                              \
		if (profile)                                                                       \
			profile->release_end(&release, RSHI_WAIT_MUTEX, &here);                    \
		rshi_watch_begin(&wait, &what);                                                    \
		RSHI_PUSH(here.pc);                                                                \
		result = RSHI_NEXT(name)(arguments);                                               \
		RSHI_POP();                                                                        \
		rshi_watch_end(&wait, &what, RSHI_HAS_WAITED, &here);                              \
		return result;                                                                     \
	}                                                                                          \
	int RSHI_NAME(name)(parameters)                                                            \
	{                                                                                          \
		if (RSHI_IS_WATCHED(name))                                                         \
			return rshi_wait_##name(arguments);                                        \
		return RSHI_NEXT(name)(arguments);                                                 \
	}

#define RSHI_WAIT(name, parameters, arguments, kind, may_wait, has_waited)                         \
	RSHI_DECLARE(name, RSHI_LIST(parameters))                                                  \
	RSHI_APART static int rshi_wait_##name(parameters)                                         \
	{                                                                                          \
		const struct rshi_here here = RSHI_HERE();                                         \
		const struct rshi_waited what = {kind, RSHI_OF(arguments, 0), NULL};               \
		struct rshi_wait wait;                                                             \
		int result;                                                                        \
                                                                                                   \
		rshi_watch_begin(&wait, &what);                                                    \
		RSHI_PUSH(here.pc);                                                                \
		result = RSHI_NEXT(name)(arguments);                                               \
		RSHI_POP();                                                                        \
		rshi_watch_end(&wait, &what, has_waited, &here);                                   \
		return result;                                                                     \
	}                                                                                          \
	int RSHI_NAME(name)(parameters)                                                            \
	{                                                                                          \
		if (RSHI_IS_WATCHED(name) && (may_wait))                                           \
			return rshi_wait_##name(arguments);                                        \
		return RSHI_NEXT(name)(arguments);                                                 \
	}

RSHI_FUNCTIONS
