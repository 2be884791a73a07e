/* SPDX-License-Identifier: BSD-2-Clause */
/* Switching hooks on and off. */

#include <errno.h>

#include "lock.h"
#include "wait_hooks.h"

#define ALL ((UINT64_C(1) << RSHI_N_FUNCTIONS) - 1)

/* Those that let others go on. */
#define RSHI_LOCK(name, parameters, arguments, lock, kind, may_wait, mine)
#define RSHI_UNLOCK(name, parameters, arguments, lock, kind, has_waiters)                          \
	| UINT64_C(1) << RSHI_N_##name
#define RSHI_COND(name, parameters, arguments, lock, has_waiters)
#define RSHI_WAIT(name, parameters, arguments, kind, may_wait, has_waited)
#define UNLOCKS (UINT64_C(0) RSHI_FUNCTIONS)

uint64_t rshi_hooks_front;
uint32_t rshi_hooks_back;
const struct rshi_watcher *rshi_watchers[RSHI_WATCHERS];

static struct rshi_lock switching; /* held by whoever starts or stops */

/* With the lock: who watches has changed. */
static void turn(uint64_t behind, uint64_t front)
{
	uint32_t watchers = 0, unlocks = 0;

	for (int i = 0; i < RSHI_WATCHERS; i++) {
		const struct rshi_watcher *w = rshi_watcher(i);

		watchers += w != NULL;
		unlocks += w && w->release_begin;
	}
	if (!unlocks)
		front &= ~UNLOCKS;
	__atomic_store_n(&rshi_hooks_front, watchers ? front : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&rshi_hooks_back, watchers && behind, __ATOMIC_RELAXED);
}

static int set(enum rshi_watcher_place place, const struct rshi_watcher *watcher)
{
	uint64_t behind = rshi_hooks_behind();
	uint64_t front = &rshi_hooks_wrapped ? ALL & ~behind : 0;

	if (!behind && !front)
		return ENOSYS;
	/* [CW1] release, pairs with [CW2]: all that the watcher needs. */
	__atomic_store_n(&rshi_watchers[place], watcher, __ATOMIC_RELEASE);
	turn(behind, front);
	return 0;
}

void rshi_hooks_prepare(void)
{
	static uint32_t is_proved; /* atomic */

	/* [CW5] acquire, pairs with [CW6]: what has been found out. */
	if (__atomic_load_n(&is_proved, __ATOMIC_ACQUIRE))
		return;
	rshi_peek_prove();
	/* [CW6] release, pairs with [CW5]. Threads that come at the same time find the same. */
	__atomic_store_n(&is_proved, 1, __ATOMIC_RELEASE);
}

int rshi_hooks_start(enum rshi_watcher_place place, const struct rshi_watcher *watcher)
{
	int err;

	rshi_hooks_prepare();
	rshi_lock(&switching);
	err = set(place, watcher);
	rshi_unlock(&switching);
	return err;
}

void rshi_hooks_stop(enum rshi_watcher_place place)
{
	rshi_lock(&switching);
	if (rshi_watcher(place))
		(void)set(place, NULL);
	rshi_unlock(&switching);
}
