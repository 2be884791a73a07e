/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_SESSION_CONTROL_H
#define RSH_CPUPROF_SESSION_CONTROL_H

/*
 * Beginning and ending a session. Nothing of this runs in a handler.
 *
 * Locks are taken in this order: the session's, the output's, the table's. None of them is held over
 * a callback of the user's.
 */

#include <raceshim/cpuprof.h>

#include "core/lock.h"

extern struct rshi_lock rshi_session_lock; /* held by whoever starts or stops */

/* As rsh_cpuprof_start() and rsh_cpuprof_stop(), without telling a detector. */
int rshi_session_start(const struct rsh_cpuprof_options *o);
int rshi_session_stop(void);

int rshi_session_runs(void);

/* In a forked child, with all locks held: there is no session and no profile. */
void rshi_session_forked(void);

#endif /* RSH_CPUPROF_SESSION_CONTROL_H */
