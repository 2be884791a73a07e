/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of <raceshim/trace.h> that control a trace and read it. */

#include <errno.h>
#include <stddef.h>

#include <raceshim/sigsafe.h>
#include <raceshim/trace.h>

#include "automatic.h"
#include "core/detector.h"
#include "core/samples.h"
#include "generations.h"
#include "read.h"

_Static_assert(RSH_TRACE_LOST_BUFFER == RSHI_TRACE_LOST_BUFFER &&
                       RSH_TRACE_LOST_NESTED == RSHI_TRACE_LOST_NESTED &&
                       RSH_TRACE_LOST_THREAD == RSHI_TRACE_LOST_THREAD &&
                       RSH_TRACE_LOST_SAMPLE == RSHI_TRACE_LOST_SAMPLE &&
                       RSH_TRACE_LOST_CLASSES == RSHI_TRACE_LOST_CLASSES,
               "losses are the format's");

static char over; /* what the detector is told: happens before the end of the reading */

/* With the control: the flight recorder may have begun generations already. */
static int start(const struct rsh_trace_options *o)
{
	struct rshi_trace_session *session = &rshi_session_trace;
	int err, is_busy;

	rshi_lock(&session->lock);
	is_busy = session->is_on || session->is_there;
	if (!is_busy)
		session->first = session->last + 1;
	rshi_unlock(&session->lock);
	if (is_busy)
		return EBUSY;
	session->is_on = 1;
	err = session->is_kept ? rshi_generations_advance(0) : rshi_generations_begin(o);
	if (err) {
		session->is_on = 0;
		return err;
	}
	rshi_lock(&session->lock);
	session->is_there = 1;
	session->is_traced = 1;
	rshi_unlock(&session->lock);
	__atomic_store_n(&rsh_trace_on, 1, __ATOMIC_RELAXED);
	rshi_automatic_ask(RSHI_ASKED_BY_TRACE, o->automatic);
	return 0;
}

int rshi_trace_start(const struct rsh_trace_options *options)
{
	int err;

	if (options->automatic & ~RSH_TRACE_AUTO_ALL)
		return EINVAL;
	rshi_trace_fork_prepare();
	rshi_automatic_prepare(options->automatic);
	rshi_lock(&rshi_trace_control);
	err = start(options);
	rshi_unlock(&rshi_trace_control);
	return err;
}

__attribute__((noinline)) int rsh_trace_start(const struct rsh_trace_options *options)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_trace_start);
	struct rsh_trace_options o = {0};

	if (options) {
		rshi_frame_push(&caller);
		/* Behind the last field nobody has to write. */
		rshi_will_read(&caller, options,
		               offsetof(struct rsh_trace_options, automatic) +
		                       sizeof(options->automatic));
		rshi_frame_pop();
		o.buffer_bytes = options->buffer_bytes;
		o.period_ms = options->period_ms;
		o.clock = options->clock;
		o.automatic = options->automatic;
	}
	return rshi_trace_start(&o);
}

int rsh_trace_stop(void)
{
	int err = ESRCH;

	rshi_did_release(&over);
	/* Without the control: the source has a lock of its own, which forks take, too. */
	rshi_samples_flush();
	rshi_lock(&rshi_trace_control);
	if (rshi_session_trace.is_on) {
		rshi_automatic_ask(RSHI_ASKED_BY_TRACE, 0);
		__atomic_store_n(&rsh_trace_on, rshi_session_trace.is_kept, __ATOMIC_RELAXED);
		rshi_session_trace.is_on = 0;
		err = rshi_generations_advance(1);
	}
	rshi_unlock(&rshi_trace_control);
	return err;
}

int rsh_trace_advance(void)
{
	int err = ESRCH;

	rshi_lock(&rshi_trace_control);
	if (rshi_session_trace.is_on)
		err = rshi_generations_advance(0);
	rshi_unlock(&rshi_trace_control);
	return err;
}

__attribute__((noinline)) int rsh_trace_read(const void **data, size_t *n)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_trace_read);
	const void *bytes;
	size_t count;
	int err;

	if (!data || !n)
		return EINVAL;
	err = rshi_trace_read(&bytes, &count);
	if (err)
		return err;
	if (!bytes)
		rshi_did_acquire(&over);
	else if (rshi_msan_unpoison)
		rshi_msan_unpoison(bytes, count);
	rshi_frame_push(&caller);
	rshi_will_write(&caller, data, sizeof(*data));
	rshi_will_write(&caller, n, sizeof(*n));
	rshi_frame_pop();
	*data = bytes;
	*n = count;
	return 0;
}

__attribute__((noinline)) int rsh_trace_stats(struct rsh_trace_stats *stats)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_trace_stats);
	struct rshi_trace *s = &rshi_trace_sig;
	struct rsh_trace_stats now = {0};

	if (!stats)
		return EINVAL;
	rshi_lock(&rshi_session_trace.lock);
	now.generation = __atomic_load_n(&s->generation, __ATOMIC_RELAXED);
	now.events = rshi_session_trace.events;
	for (int i = 0; i < RSH_TRACE_LOST_CLASSES; i++)
		now.lost[i] = __atomic_load_n(&s->lost[i], __ATOMIC_RELAXED);
	now.buffers = __atomic_load_n(&s->buffers.in_use, __ATOMIC_RELAXED);
	now.threads = __atomic_load_n(&s->thread_count, __ATOMIC_RELAXED);
	now.automatic = __atomic_load_n(&s->automatic, __ATOMIC_RELAXED);
	now.clock = rshi_session_trace.is_traced && s->unit == RSHI_TRACE_NS;
	rshi_unlock(&rshi_session_trace.lock);
	rshi_frame_push(&caller);
	rshi_will_write(&caller, stats, sizeof(*stats));
	rshi_frame_pop();
	rsh_memcpy_sig(stats, &now, sizeof(now));
	return 0;
}
