/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_LOCKPROF_SCALE_H
#define RSH_LOCKPROF_SCALE_H

/* How long a tick of the processor's clock is. */

#include <stdint.h>

/*
 * Compare the two clocks: the first time for two milliseconds, later with all the time that has
 * passed since. One thread at a time.
 */
void rshi_scale_measure(void);

uint64_t rshi_ticks_to_ns(uint64_t ticks);

#endif /* RSH_LOCKPROF_SCALE_H */
