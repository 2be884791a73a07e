/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_WAITS_H
#define RSH_CORE_WAITS_H

/*
 * Who is told of calls that may wait, and of those that let others go on: the lock profile, the
 * trace. Each has its place in a table, and gets there by rshi_hooks_start().
 *
 * A watcher is called from hooks, in any thread, with any lock of the program's held: it does not
 * wait, allocate, or call anything that a detector or the program could stand in front of, and
 * leaves errno alone. Nothing here orders threads in a detector's eyes.
 */

#include <stddef.h>
#include <stdint.h>

#include "unwind.h"

enum rshi_wait_kind {
	RSHI_WAIT_MUTEX = 1,
	RSHI_WAIT_READ = 2, /* a reader-writer lock, for reading */
	RSHI_WAIT_WRITE = 3,
	RSHI_WAIT_COND = 4,
	RSHI_WAIT_SEM = 5,
	RSHI_WAIT_BARRIER = 6,
	RSHI_WAIT_JOIN = 7,
};

/* What is waited for. */
struct rshi_waited {
	uint32_t kind;
	uintptr_t of;     /* its address; a thread to be joined: which */
	const void *lock; /* a mutex or reader-writer lock that is to be taken; or NULL */
};

/* What a watcher knows of one call, while that lasts; on the stack of its thread. */
struct rshi_watched {
	const struct rshi_watcher *by; /* NULL: nobody */
	uint64_t since;                /* the watcher's own */
	uint64_t note;                 /* likewise */
};

/* Of an unlock, likewise. */
struct rshi_release {
	uint64_t count;
	uint64_t delay; /* nanoseconds */
};

struct rshi_watcher {
	/* Right before a call that may wait. */
	void (*begin)(struct rshi_watched *w, const struct rshi_waited *what);

	/* Right after it, called from @here; @has_waited is 0 if it has failed and never waited. */
	void (*end)(const struct rshi_watched *w, const struct rshi_waited *what, int has_waited,
	            const struct rshi_here *here);

	/*
	 * Right before an unlock that somebody may wait for. Returns 1 if it is one to be counted
	 * when it is done, and 0 if there is nothing more to do. NULL, as the next one: unlocks are
	 * nothing to this watcher.
	 */
	int (*release_begin)(struct rshi_release *release, const void *lock);
	void (*release_end)(const struct rshi_release *release, uint32_t kind,
	                    const struct rshi_here *here);
};

enum rshi_watcher_place { RSHI_WATCHER_PROFILE, RSHI_WATCHER_TRACE, RSHI_WATCHERS };

/* atomic; stored by rshi_hooks_start() and _stop() */
extern const struct rshi_watcher *rshi_watchers[RSHI_WATCHERS]
        __attribute__((visibility("hidden")));

struct rshi_wait {
	struct rshi_watched by[RSHI_WATCHERS];
};

static inline const struct rshi_watcher *rshi_watcher(int place)
{
	/* [CW2] acquire, pairs with [CW1]: what the watcher needs is there. */
	return __atomic_load_n(&rshi_watchers[place], __ATOMIC_ACQUIRE);
}

static inline void rshi_watch_begin(struct rshi_wait *wait, const struct rshi_waited *what)
{
	for (int i = 0; i < RSHI_WATCHERS; i++) {
		wait->by[i].by = rshi_watcher(i);
		if (wait->by[i].by)
			wait->by[i].by->begin(&wait->by[i], what);
	}
}

/* Those who have seen it begin see it end, too. */
static inline void rshi_watch_end(const struct rshi_wait *wait, const struct rshi_waited *what,
                                  int has_waited, const struct rshi_here *here)
{
	for (int i = RSHI_WATCHERS; i-- > 0;) {
		if (wait->by[i].by)
			wait->by[i].by->end(&wait->by[i], what, has_waited, here);
	}
}

/* Only the lock profile asks for unlocks. */
static inline const struct rshi_watcher *rshi_watch_release(struct rshi_release *release,
                                                            const void *lock)
{
	const struct rshi_watcher *profile = rshi_watcher(RSHI_WATCHER_PROFILE);

	return profile && profile->release_begin(release, lock) ? profile : NULL;
}

#endif /* RSH_CORE_WAITS_H */
