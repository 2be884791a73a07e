/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_COUNTERS_H
#define RACESHIM_COUNTERS_H

/*
 * Reading counters that other threads keep incrementing, at exit for example, when nobody can
 * stop those threads any more.
 *
 * Which calls may overlap:
 *
 *                         rsh_counters_write     atomic increment     plain increment
 *   rsh_counters_write    yes                    yes                  no: a data race
 */

#include <stdint.h>

#include <raceshim/raceshim.h>
#include <raceshim/writer.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * rsh_counters_write - snapshot live counters and write them out
 *
 * Loads every counter once, in one sweep from the first to the last, each with a relaxed atomic
 * load, into a private copy; then hands the copy to @w as @n little-endian 8-byte numbers. What the
 * writer does, and how long it takes, has no influence on the numbers. They are no consistent cut:
 * increments made during the sweep may be in or not.
 *
 * @counters: the first counter, aligned to 8 bytes
 * @n:        how many; with 0 nothing is written
 * @w:        receives @n * 8 bytes
 *
 * Return: 0; RSH_ENOWRITER; RSH_EMISALIGNED; EINVAL (@counters is NULL and @n is not 0);
 *	EOVERFLOW (the size in bytes does not fit); ENOMEM; or what the writer returned if that is
 *	not 0. Nothing was written unless it is the writer's.
 * Threads: any, also while others increment.   Signals: not async-signal-safe.
 * Fork: unaffected.                            Blocks: no (one mmap), apart from the writer.
 * Loss: none; an increment that the sweep passed by stays in its counter.
 * Detectors: TSan: atomic loads in rsh_counters_write, called from the caller: silent against
 *	atomic increments, a race with plain ones is reported; no happens-before edge. MSan:
 *	uninitialised counters are reported. ASan: poisoned ones, in the caller's frame.
 */
RSH_API int rsh_counters_write(const uint64_t *counters, size_t n, const struct rsh_writer *w);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_COUNTERS_H */
