/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_LOCKPROF_EVENTS_H
#define RSH_LOCKPROF_EVENTS_H

/*
 * What happens around a call that may wait or may let others go on: measured, sampled, counted, by a
 * watcher (core/waits.h).
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/lockprof.h>

#include "core/waits.h"

/* The two profiles. */
enum rshi_lock_profile { RSHI_BLOCK_PROFILE, RSHI_MUTEX_PROFILE };

extern const struct rshi_watcher rshi_events_watcher;

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
