/* SPDX-License-Identifier: BSD-2-Clause */
/* Which automatic events are on. */

#include "automatic.h"

#include <errno.h>

#include <raceshim/trace.h>

#include "call_hooks.h"
#include "core/wait_hooks.h"
#include "generations.h"

/* The control's. */
static uint32_t asked[RSHI_ASKERS];
static struct rsh_trace_source *sources;

static void turn_sources(uint32_t kinds)
{
	struct rsh_trace_source *built_in =
	        kinds & RSH_TRACE_AUTO_CALLS ? rshi_calls_behind() : NULL;

	if (built_in) {
		built_in->next = sources;
		sources = built_in;
	}
	for (struct rsh_trace_source *s = sources; s; s = s->next)
		__atomic_store_n(&s->is_on, kinds & RSH_TRACE_AUTO_CALLS, __ATOMIC_RELAXED);
}

/* With the control. What is not to be had in this program is left out. */
static void turn(void)
{
	struct rshi_trace *s = &rshi_trace_sig;
	uint32_t before = __atomic_load_n(&s->automatic, __ATOMIC_RELAXED), kinds = 0;

	for (int i = 0; i < RSHI_ASKERS; i++)
		kinds |= asked[i];
	if (kinds & RSH_TRACE_AUTO_WAITS & ~before &&
	    rshi_hooks_start(RSHI_WATCHER_TRACE, &rshi_trace_watcher_sig))
		kinds &= ~RSH_TRACE_AUTO_WAITS;
	if (kinds & RSH_TRACE_AUTO_THREADS)
		rshi_births_follow(RSHI_FOLLOWER_TRACE, &rshi_trace_follower_sig);
	if (kinds & RSH_TRACE_AUTO_SAMPLES)
		rshi_trace_sample_prepare();
	if (kinds == before)
		return;
	__atomic_add_fetch(&s->switched, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&s->automatic, kinds, __ATOMIC_RELAXED);
	turn_sources(kinds);
	if (before & RSH_TRACE_AUTO_WAITS & ~kinds)
		rshi_hooks_stop(RSHI_WATCHER_TRACE);
}

void rshi_automatic_prepare(uint32_t kinds)
{
	if (kinds & RSH_TRACE_AUTO_WAITS)
		rshi_hooks_prepare();
}

void rshi_automatic_ask(enum rshi_asker asker, uint32_t kinds)
{
	asked[asker] = kinds;
	turn();
}

void rshi_automatic_forked(void)
{
	for (int i = 0; i < RSHI_ASKERS; i++)
		asked[i] = 0;
	turn();
}

int rsh_trace_source_add(struct rsh_trace_source *source)
{
	int err = 0;

	if (!source)
		return EINVAL;
	rshi_trace_fork_prepare();
	rshi_lock(&rshi_trace_control);
	for (const struct rsh_trace_source *s = sources; s && !err; s = s->next)
		err = s == source ? EBUSY : 0;
	if (!err) {
		source->next = sources;
		sources = source;
		turn_sources(__atomic_load_n(&rshi_trace_sig.automatic, __ATOMIC_RELAXED));
	}
	rshi_unlock(&rshi_trace_control);
	return err;
}

int rsh_trace_source_remove(struct rsh_trace_source *source)
{
	struct rsh_trace_source **at;
	int err = ESRCH;

	rshi_lock(&rshi_trace_control);
	for (at = &sources; *at && *at != source; at = &(*at)->next)
		continue;
	if (*at) {
		*at = source->next;
		__atomic_store_n(&source->is_on, 0, __ATOMIC_RELAXED);
		err = 0;
	}
	rshi_unlock(&rshi_trace_control);
	return err;
}
