/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_LOCKPROF_LOCKPROF_H
#define RSH_LOCKPROF_LOCKPROF_H

/* The public functions, for the library itself: without telling a detector. */

#include <raceshim/lockprof.h>

#include "events.h" /* rshi_events_each(), rshi_events_stats() */

/* As rsh_lockprof_start(), @options not NULL, and rsh_lockprof_stop(). */
int rshi_lockprof_start(const struct rsh_lockprof_options *options);
int rshi_lockprof_stop(void);

#endif /* RSH_LOCKPROF_LOCKPROF_H */
