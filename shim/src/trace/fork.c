/* SPDX-License-Identifier: BSD-2-Clause */
/* Forks: the locks are taken before, so that the child finds everything in order. */

#include <pthread.h>

#include <raceshim/trace.h>

#include "automatic.h"
#include "flight.h"
#include "generations.h"
#include "read.h"

static uint32_t is_prepared; /* atomic */

static void before(void)
{
	rshi_lock(&rshi_flight_switch);
	rshi_lock(&rshi_trace_control);
	rshi_lock(&rshi_session_trace.lock);
}

static void after(void)
{
	rshi_unlock(&rshi_session_trace.lock);
	rshi_unlock(&rshi_trace_control);
	rshi_unlock(&rshi_flight_switch);
}

static void in_child(void)
{
	__atomic_store_n(&rsh_trace_on, 0, __ATOMIC_RELAXED);
	rshi_automatic_forked();
	rshi_generations_forked();
	rshi_trace_sample_forked();
	rshi_flight_forked();
	rshi_trace_read_forked();
	after();
}

void rshi_trace_fork_prepare(void)
{
	if (!__atomic_exchange_n(&is_prepared, 1, __ATOMIC_RELAXED))
		(void)pthread_atfork(before, after, in_child);
}
