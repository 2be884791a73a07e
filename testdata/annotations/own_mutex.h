/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex that no race detector sees, fully annotated: for the proof pairs that need a lock and
 * are about something else. norace_own_mutex.c proves these four annotations themselves.
 */
#ifndef OWN_MUTEX_H
#define OWN_MUTEX_H

#include <raceshim/annotate.h>

#include "hidden.h"

static inline void own_lock(int *mutex)
{
	RSH_RACE_MUTEX_BEFORE_LOCK(mutex);
	hidden_lock(mutex);
	RSH_RACE_MUTEX_AFTER_LOCK(mutex);
}

static inline void own_unlock(int *mutex)
{
	RSH_RACE_MUTEX_BEFORE_UNLOCK(mutex);
	hidden_unlock(mutex);
	RSH_RACE_MUTEX_AFTER_UNLOCK(mutex);
}

#endif
