/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_LOCKPROF_EVENTS_H
#define RSH_LOCKPROF_EVENTS_H

/*
 * What happens around a call that may wait or may let others go on: measured, sampled, counted. For
 * hooks, in any thread, with any lock of the program's held: nothing here waits, allocates, or calls
 * anything that a detector or the program could stand in front of. errno is left alone.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/lockprof.h>

#include "core/unwind.h"
#include "waiters.h"

/* The two profiles. */
enum rshi_lock_profile { RSHI_BLOCK_PROFILE, RSHI_MUTEX_PROFILE };

struct rshi_wait {
	uint64_t start; /* ticks */
	rshi_place place;
};

/* Right before a call that may wait; for a mutex or reader-writer lock with its address, or NULL. */
void rshi_wait_begin(struct rshi_wait *wait, const void *lock);

/* Right after it, called from @here; @has_waited is 0 if it has failed and never waited. */
void rshi_wait_end(const struct rshi_wait *wait, uint32_t kind, int has_waited,
                   const struct rshi_here *here);

struct rshi_release {
	uint64_t count;
	uint64_t delay; /* nanoseconds */
};

/*
 * Right before an unlock that somebody may wait for. Returns 1 if it is one to be counted when it is
 * done, with rshi_release_end(), and 0 if there is nothing more to do.
 */
int rshi_release_begin(struct rshi_release *release, const void *lock);
void rshi_release_end(const struct rshi_release *release, uint32_t kind,
                      const struct rshi_here *here);

/* Before the first event, and again whenever there is time: compares clocks. 0 or ENOMEM. */
int rshi_events_prepare(void);

/* From now on; 0: off. */
void rshi_events_set_rates(uint64_t block, uint64_t mutex);

/* In a forked child: nothing has been counted. */
void rshi_events_forked(void);

/* The records of a profile that there are at some moment. */
struct rshi_lock_extent {
	enum rshi_lock_profile profile;
	uint32_t end;
	int has_overflow;
};

/* Those that there are now. Returns how many there are at most. */
size_t rshi_events_extent(enum rshi_lock_profile profile, struct rshi_lock_extent *extent);

/*
 * Show each of them, a copy that holds together; not those of which nothing is counted yet. Ends early
 * if @see returns something else than 0, and returns that. No lock is held.
 */
int rshi_events_each(const struct rshi_lock_extent *extent,
                     int (*see)(void *arg, const struct rsh_lock_record *record), void *arg);

/* ESRCH if there never was anything to count. */
int rshi_events_stats(struct rsh_lockprof_stats *stats);

#endif /* RSH_LOCKPROF_EVENTS_H */
