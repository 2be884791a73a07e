/* SPDX-License-Identifier: BSD-2-Clause */
/* Forks: the locks are taken before, so that the child finds everything in order. */

#include <pthread.h>

#include "fork.h"
#include "labels.h"
#include "output.h"
#include "session.h"
#include "session_control.h"

static uint32_t is_prepared; /* atomic */
static void (*then)(void);   /* atomic */

static void before(void)
{
	rshi_lock(&rshi_session_lock);
	rshi_lock(&rshi_output.lock);
	rshi_lock(&rshi_cpuprof_sig.lock);
	rshi_labels_before_fork();
	__atomic_store_n(&rshi_cpuprof_sig.forks, 1, __ATOMIC_RELAXED);
}

static void after(void)
{
	__atomic_store_n(&rshi_cpuprof_sig.forks, 0, __ATOMIC_RELAXED);
	rshi_labels_after_fork();
	rshi_unlock(&rshi_cpuprof_sig.lock);
	rshi_unlock(&rshi_output.lock);
	rshi_unlock(&rshi_session_lock);
}

static void in_child(void)
{
	void (*more)(void);

	rshi_session_forked();
	after();
	/* Relaxed: the fork has copied what it was set for. */
	more = __atomic_load_n(&then, __ATOMIC_RELAXED);
	if (more)
		more();
}

void rshi_fork_prepare(void)
{
	if (!__atomic_exchange_n(&is_prepared, 1, __ATOMIC_RELAXED))
		(void)pthread_atfork(before, after, in_child);
}

void rshi_fork_then(void (*in_child_too)(void))
{
	__atomic_store_n(&then, in_child_too, __ATOMIC_RELAXED);
}
