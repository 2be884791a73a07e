/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_WAIT_HOOKS_H
#define RSH_CORE_WAIT_HOOKS_H

/* Which calls come to us, and which of them are looked at. */

#include <stdint.h>

#include "wait_functions.h"

/* Each function has a number. */
#define RSHI_LOCK(name, parameters, arguments, lock, kind, may_wait, mine) RSHI_N_##name,
#define RSHI_UNLOCK(name, parameters, arguments, lock, kind, has_waiters)  RSHI_N_##name,
#define RSHI_COND(name, parameters, arguments, lock, has_waiters)          RSHI_N_##name,
#define RSHI_WAIT(name, parameters, arguments, kind, may_wait, has_waited) RSHI_N_##name,
enum rshi_lock_function { RSHI_FUNCTIONS RSHI_N_FUNCTIONS };
#undef RSHI_LOCK
#undef RSHI_UNLOCK
#undef RSHI_COND
#undef RSHI_WAIT

/*
 * Hooks in front of a detector, or where there is none: bit RSHI_N_* says that a call is to be looked
 * at. Those behind a detector look at all calls while any is.
 */
extern uint64_t rshi_hooks_front __attribute__((visibility("hidden"))); /* atomic */
extern uint32_t rshi_hooks_back __attribute__((visibility("hidden")));  /* atomic */

static inline int rshi_is_watched_in_front(enum rshi_lock_function function)
{
	return (int)(__atomic_load_n(&rshi_hooks_front, __ATOMIC_RELAXED) >> function & 1);
}

/*
 * What rshi_hooks_start() does otherwise: find out about libc's locks, of which the loader is asked.
 * To be called before it, without any lock, by features that a library may start while it is loaded.
 */
void rshi_hooks_prepare(void);

/*
 * Tell @watcher from now on, or nobody at this place any more; who is in the middle of a call is told
 * of its end. With the locks that the feature's own handler of forks takes. Returns 0, or ENOSYS:
 * there are no hooks at all.
 */
int rshi_hooks_start(enum rshi_watcher_place place, const struct rshi_watcher *watcher);
void rshi_hooks_stop(enum rshi_watcher_place place);

/*
 * Put hooks behind the detector, whose runtime is linked into this program. Returns which functions
 * need none in front of it any more.
 */
uint64_t rshi_hooks_behind(void);

/* Defined where hooks in front have been linked into this program or library. */
extern const char rshi_hooks_wrapped __attribute__((weak, visibility("hidden")));

#endif /* RSH_CORE_WAIT_HOOKS_H */
