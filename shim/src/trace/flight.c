/* SPDX-License-Identifier: BSD-2-Clause */
/* The flight recorder. */

#include <errno.h>

#include <raceshim/sigsafe.h>
#include <raceshim/trace.h>

#include "automatic.h"
#include "blocks.h"
#include "core/handed.h"
#include "core/make_thread.h"
#include "flight.h"

#define MONOTONIC  1
#define NS_PER_MS  1000000u
#define AGE_MS     10000u
#define MIB        ((size_t)1 << 20)
#define BYTES      (10 * MIB)
#define NAMES_ROOM (2 * MIB) /* more than all names take */
#define PAGE       65536u    /* or less */
#define GOING      100000u   /* nanoseconds between two looks whether the thread is gone */

struct rshi_flight rshi_flight_sig;
struct rshi_lock rshi_flight_switch;

void rshi_flight_prepare(uint64_t number)
{
	size_t size = sizeof(struct rshi_kept) + rshi_flight_sig.max_bytes +
	              rshi_trace_sig.buffers.bytes + NAMES_ROOM;
	struct rshi_kept *k, *before;
	void *p = NULL;

	/* Pages that nothing is written to take no memory. */
	if (!rshi_session_trace.is_kept || rshi_mmap_sig(size, &p))
		p = NULL;
	/* [TF6] acquire, pairs with [TF5]: whoever has had this memory before is done with it. */
	(void)__atomic_load_n(&rshi_flight_sig.unmapped, __ATOMIC_ACQUIRE);
	k = p;
	if (k) {
		k->mapped = size;
		k->used = sizeof(*k);
	}
	rshi_lock(&rshi_session_trace.lock);
	before = rshi_flight_sig.open[number & 1];
	rshi_flight_sig.open[number & 1] = k;
	before = before ? rshi_kept_forget(before, NULL) : NULL;
	rshi_unlock(&rshi_session_trace.lock);
	rshi_kept_unmap(before);
}

void rshi_flight_begin(const struct rshi_generation *g)
{
	struct rshi_kept *k = rshi_flight_sig.open[g->number & 1];

	if (!k)
		return;
	k->number = g->number;
	k->begin = g->begin.monotonic;
	k->used += rshi_put_header_sig(rshi_kept_bytes(k), g);
}

void rshi_flight_add(uint64_t number, const unsigned char *bytes, size_t n, uint64_t events)
{
	struct rshi_kept *k = rshi_flight_sig.open[number & 1];

	if (!k || k->number != number)
		return;
	if (n > k->mapped - NAMES_ROOM - k->used) {
		k->dropped += events;
		return;
	}
	rsh_memcpy_sig((unsigned char *)k + k->used, bytes, n);
	k->used += n;
}

/* With the trace lock: those that are too old or too much leave the list; returned as one. */
static struct rshi_kept *forget(uint64_t now)
{
	struct rshi_kept *gone = NULL;

	while (rshi_flight_sig.first && rshi_flight_sig.first != rshi_flight_sig.last &&
	       (rshi_flight_sig.bytes > rshi_flight_sig.max_bytes ||
	        now - rshi_flight_sig.first->next->begin >= rshi_flight_sig.min_age)) {
		struct rshi_kept *k = rshi_flight_sig.first;

		rshi_flight_sig.first = k->next;
		rshi_flight_sig.bytes -= rshi_kept_count(k);
		gone = rshi_kept_forget(k, gone);
	}
	return gone;
}

/* What was room for more is given back. */
static void shrink(struct rshi_kept *k)
{
	size_t size = (k->used + PAGE - 1) / PAGE * PAGE;

	if (size < k->mapped && !rshi_munmap_sig((unsigned char *)k + size, k->mapped - size))
		k->mapped = size;
}

void rshi_flight_end(const struct rshi_generation *g)
{
	struct rshi_trace_session *session = &rshi_session_trace;
	struct rshi_names_cursor names = {0, NULL};
	struct rshi_kept *k, *gone;
	size_t n;

	rshi_lock(&session->lock);
	k = rshi_flight_sig.open[g->number & 1];
	if (k && k->number == g->number)
		rshi_flight_sig.open[g->number & 1] = NULL;
	else
		k = NULL;
	if (k) {
		rshi_flight_sig.ending = k;
		rshi_flight_sig.ending_used = k->used;
	}
	rshi_unlock(&session->lock);
	if (!k)
		return;
	do {
		unsigned char *to = (unsigned char *)k + k->used;

		n = rshi_put_names_sig(to, k->mapped - RSHI_TAIL_ROOM - k->used, &names);
		k->used += n;
	} while (n);
	k->used += rshi_put_tail_sig((unsigned char *)k + k->used, g, 0, k->dropped);
	shrink(k);
	rshi_lock(&session->lock);
	rshi_flight_sig.ending = NULL;
	if (rshi_flight_sig.last)
		rshi_flight_sig.last->next = k;
	else
		rshi_flight_sig.first = k;
	rshi_flight_sig.last = k;
	rshi_flight_sig.bytes += rshi_kept_count(k);
	gone = forget(g->end.monotonic);
	rshi_unlock(&session->lock);
	rshi_kept_unmap(gone);
}

/* With the trace lock: the generation has so much that two of them would be too much. */
static int is_large(const struct rshi_kept *k)
{
	size_t n = k ? rshi_kept_count(k) : 0;

	/* One without events is never so, or there would be no end of beginning others. */
	return n > sizeof(struct rshi_trace_header) && n > rshi_flight_sig.max_bytes / 2;
}

static void advance_if(int is_asked)
{
	rshi_lock(&rshi_trace_control);
	if (rshi_session_trace.is_kept &&
	    (is_asked || rshi_trace_clock_sig(MONOTONIC) >= rshi_generations_due()))
		(void)rshi_generations_advance(0);
	rshi_unlock(&rshi_trace_control);
}

/* The thread that takes full buffers away and ends generations, whoever else does. */
static void *run(void *unused)
{
	struct rshi_trace_session *session = &rshi_session_trace;

	rshi_flight_sig.tid = rshi_gettid_sig();
	/* [TF2] acquire, pairs with [TF1]. */
	while (!__atomic_load_n(&rshi_flight_sig.quit, __ATOMIC_ACQUIRE)) {
		uint64_t due, now;
		int is_full;

		rshi_parking_look(&rshi_trace_sig.recorder);
		rshi_lock(&session->lock);
		rshi_generations_collect();
		is_full = is_large(rshi_flight_sig.open[session->last & 1]);
		due = rshi_generations_due();
		rshi_unlock(&session->lock);
		rshi_parking_post(&rshi_trace_sig.reader);
		now = rshi_trace_clock_sig(MONOTONIC);
		if (is_full || now >= due)
			advance_if(is_full);
		else
			rshi_parking_wait(&rshi_trace_sig.recorder, due - now);
	}
	/* [TF3] release, pairs with [TF4]: the thread is done with everything. */
	__atomic_store_n(&rshi_flight_sig.is_over, 1, __ATOMIC_RELEASE);
	rshi_futex_wake_sig(&rshi_flight_sig.is_over, 1, NULL);
	return unused;
}

/* With the control. */
static int start(const struct rsh_flight_options *o)
{
	static const struct rsh_trace_options ordinary;
	struct rshi_trace_session *session = &rshi_session_trace;
	int err;

	if (session->is_kept)
		return EBUSY;
	rshi_flight_sig.min_age = (uint64_t)(o->min_age_ms ? o->min_age_ms : AGE_MS) * NS_PER_MS;
	rshi_flight_sig.max_bytes = o->max_bytes ? o->max_bytes : BYTES;
	session->is_kept = 1;
	err = session->is_on ? rshi_generations_advance(0) : rshi_generations_begin(&ordinary);
	if (err) {
		session->is_kept = 0;
		return err;
	}
	__atomic_store_n(&rsh_trace_on, 1, __ATOMIC_RELAXED);
	rshi_automatic_ask(RSHI_ASKED_BY_FLIGHT, o->automatic);
	return 0;
}

/* With the control: nothing is kept any more. */
static void stop(void)
{
	struct rshi_trace_session *session = &rshi_session_trace;
	struct rshi_kept *kept, *gone = NULL;

	rshi_automatic_ask(RSHI_ASKED_BY_FLIGHT, 0);
	__atomic_store_n(&rsh_trace_on, session->is_on, __ATOMIC_RELAXED);
	session->is_kept = 0;
	if (!session->is_on)
		(void)rshi_generations_advance(1);
	rshi_lock(&session->lock);
	kept = rshi_flight_sig.first;
	rshi_flight_sig.first = NULL;
	rshi_flight_sig.last = NULL;
	rshi_flight_sig.bytes = 0;
	while (kept) {
		struct rshi_kept *next = kept->next;

		gone = rshi_kept_forget(kept, gone);
		kept = next;
	}
	for (int i = 0; i < 2; i++) {
		if (rshi_flight_sig.open[i])
			gone = rshi_kept_forget(rshi_flight_sig.open[i], gone);
		rshi_flight_sig.open[i] = NULL;
	}
	rshi_unlock(&session->lock);
	rshi_kept_unmap(gone);
}

__attribute__((noinline)) int rsh_flight_start(const struct rsh_flight_options *options)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_flight_start);
	struct rsh_flight_options o = {0};
	int err;

	if (options) {
		rshi_frame_push(&caller);
		rshi_will_read(&caller, options, sizeof(*options));
		rshi_frame_pop();
		o.min_age_ms = options->min_age_ms;
		o.max_bytes = options->max_bytes;
		o.automatic = options->automatic;
	}
	if (o.max_bytes > (size_t)1 << 40 || o.automatic & ~RSH_TRACE_AUTO_ALL)
		return EINVAL;
	rshi_trace_fork_prepare();
	rshi_thread_prepare();
	rshi_automatic_prepare(o.automatic);
	rshi_lock(&rshi_flight_switch);
	rshi_lock(&rshi_trace_control);
	err = start(&o);
	if (!err) {
		__atomic_store_n(&rshi_flight_sig.quit, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&rshi_flight_sig.is_over, 0, __ATOMIC_RELAXED);
		err = rshi_thread_make(run);
		if (err)
			stop();
	}
	rshi_unlock(&rshi_trace_control);
	rshi_unlock(&rshi_flight_switch);
	return err;
}

/* Not only done, but gone: nobody may take the library out of memory in which it returns. */
static void wait_for_the_thread(void)
{
	int pid = rshi_getpid_sig();

	/* [TF4] acquire, pairs with [TF3]. */
	while (!__atomic_load_n(&rshi_flight_sig.is_over, __ATOMIC_ACQUIRE))
		rshi_futex_wait_sig(&rshi_flight_sig.is_over, 0, 0);
	while (!rshi_tgkill_sig(pid, rshi_flight_sig.tid, 0))
		rshi_futex_wait_sig(&rshi_flight_sig.is_over, 1, GOING);
}

int rsh_flight_stop(void)
{
	int err = ESRCH;

	rshi_lock(&rshi_flight_switch);
	rshi_lock(&rshi_trace_control);
	if (rshi_session_trace.is_kept) {
		stop();
		err = 0;
	}
	rshi_unlock(&rshi_trace_control);
	if (!err) {
		/* [TF1] release, pairs with [TF2]. */
		__atomic_store_n(&rshi_flight_sig.quit, 1, __ATOMIC_RELEASE);
		rshi_parking_post(&rshi_trace_sig.recorder);
		wait_for_the_thread();
	}
	rshi_unlock(&rshi_flight_switch);
	return err;
}

static int put(const struct rsh_writer *w, const void *bytes, size_t n, size_t *written)
{
	int err = w->write(w->arg, bytes, n);

	if (!err)
		*written += n;
	return err;
}

/* The last one says so. */
static int write_kept(const struct rsh_writer *w, struct rshi_kept *k, int is_last, size_t *written)
{
	size_t n = rshi_kept_count(k) - sizeof(struct rshi_trace_tail);
	struct rshi_trace_tail tail;
	int err = put(w, rshi_kept_bytes(k), n, written);

	if (err)
		return err;
	rsh_memcpy_sig(&tail, rshi_kept_bytes(k) + n, sizeof(tail));
	if (is_last)
		tail.block.flags |= RSHI_TRACE_LAST;
	return put(w, &tail, sizeof(tail), written);
}

/* Ends the generation, and pins what is kept then; the first of it in *@first. */
static int pin_all(struct rshi_kept **first, struct rshi_kept **last)
{
	int err = ESRCH;

	rshi_lock(&rshi_trace_control);
	if (rshi_session_trace.is_kept) {
		/* If it goes on, since a trace has not been read, there are those before. */
		err = rshi_generations_advance(0);
		rshi_lock(&rshi_session_trace.lock);
		*first = rshi_kept_pin(last);
		rshi_unlock(&rshi_session_trace.lock);
		if (*first)
			err = 0;
		else if (!err)
			err = ENOMEM;
	}
	rshi_unlock(&rshi_trace_control);
	return err;
}

static int write_all(const struct rsh_writer *w, size_t *written)
{
	struct rshi_kept *first, *last, *gone;
	int err = pin_all(&first, &last);

	if (err)
		return err;
	for (struct rshi_kept *k = first; k && !err; k = k == last ? NULL : k->next)
		err = write_kept(w, k, k == last, written);
	rshi_lock(&rshi_session_trace.lock);
	gone = rshi_kept_unpin(first, last, NULL);
	rshi_unlock(&rshi_session_trace.lock);
	rshi_kept_unmap(gone);
	return err;
}

/* One at a time. */
static int write_alone(const struct rsh_writer *w, size_t *written)
{
	uint32_t nobody = 0;
	int err;

	if (!__atomic_compare_exchange_n(&rshi_flight_sig.writing, &nobody, 1, 0, __ATOMIC_RELAXED,
	                                 __ATOMIC_RELAXED))
		return EINPROGRESS;
	err = write_all(w, written);
	__atomic_store_n(&rshi_flight_sig.writing, 0, __ATOMIC_RELAXED);
	return err;
}

__attribute__((noinline)) int rsh_flight_write(const struct rsh_writer *w, size_t *written)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_flight_write);
	struct rsh_writer writer;
	size_t n = 0;
	int err;

	rshi_frame_push(&caller);
	err = rshi_take_handed(&caller, w, &writer);
	if (!err)
		err = write_alone(&writer, &n);
	if (written) {
		rshi_will_write(&caller, written, sizeof(*written));
		*written = n;
	}
	rshi_frame_pop();
	return err;
}

void rshi_flight_forked(void)
{
	for (int i = 0; i < 2; i++)
		rshi_flight_sig.open[i] = NULL;
	rshi_flight_sig.ending = NULL;
	rshi_flight_sig.first = NULL;
	rshi_flight_sig.last = NULL;
	rshi_flight_sig.bytes = 0;
	__atomic_store_n(&rshi_flight_sig.writing, 0, __ATOMIC_RELAXED);
}
