/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Automatic events, from hooks: in any thread, from before a detector knows it until after it has
 * forgotten it, in handlers too.
 *
 * A thread remembers which waits it has begun, so that each end stands behind its own beginning,
 * whatever is switched off, lost or left by a jump in between.
 */

#include "automatic.h"
#include "emit_engine.h"

#define ID_SHIFT RSHI_OWNER_BITS /* in a note: the maker's thread id below, the flow above */

static struct rsh_trace_name create = {"pthread_create", 0};

static int is_on(uint32_t kind)
{
	return (__atomic_load_n(&rshi_trace_sig.automatic, __ATOMIC_RELAXED) & kind) != 0;
}

static uint32_t switched(void)
{
	return __atomic_load_n(&rshi_trace_sig.switched, __ATOMIC_RELAXED);
}

static struct rshi_trace_thread *mine(void)
{
	return __atomic_load_n(&rshi_trace_mine_sig, __ATOMIC_RELAXED);
}

/* The ends of the waits from @depth on, the innermost first: of those that nothing has ended. */
static void close_from(struct rshi_trace_thread *t, uint32_t depth)
{
	uint32_t n;

	while ((n = __atomic_load_n(&t->open_count, __ATOMIC_RELAXED)) > depth) {
		const struct rshi_trace_wait_open *w = &t->open[n - 1];

		(void)rshi_emit_numbered(&rshi_trace_sig, w->kind, w->number, w->of, 0);
		__atomic_store_n(&t->open_count, n - 1, __ATOMIC_RELAXED);
	}
}

/* Returns what to hand to end(); 0: nothing has begun. */
static uint64_t begin(uint32_t kind, uint32_t number, uint64_t of)
{
	uint32_t since = switched(), depth;
	struct rshi_trace_thread *t;
	int err = rshi_emit_numbered(&rshi_trace_sig, kind, number, of, 0);

	/* Its end goes with it. */
	if (err == ENOBUFS)
		(void)rshi_lose(&rshi_trace_sig, RSHI_TRACE_LOST_BUFFER);
	if (err)
		return 0;
	t = mine();
	if (t->open_since != since) {
		t->open_since = since;
		__atomic_store_n(&t->open_count, 0, __ATOMIC_RELAXED);
	}
	depth = __atomic_load_n(&t->open_count, __ATOMIC_RELAXED);
	if (depth == RSHI_TRACE_OPEN) {
		/* Too deep to remember: it is as short as it can be. */
		(void)rshi_emit_numbered(&rshi_trace_sig, kind + 1, number, of, 0);
		return 0;
	}
	t->open[depth] = (struct rshi_trace_wait_open){kind + 1, number, of};
	__atomic_store_n(&t->open_count, depth + 1, __ATOMIC_RELAXED);
	return (uint64_t)since << 32 | (depth + 1);
}

static void end(uint64_t begun)
{
	struct rshi_trace_thread *t = mine();

	if (begun && t && (uint32_t)(begun >> 32) == switched() &&
	    t->open_since == (uint32_t)(begun >> 32))
		close_from(t, (uint32_t)begun - 1);
}

static uint32_t wait_of(uint32_t kind)
{
	static const uint8_t waits[] = {
	        [RSHI_WAIT_MUTEX] = RSHI_TRACE_WAIT_MUTEX,
	        [RSHI_WAIT_READ] = RSHI_TRACE_WAIT_READ,
	        [RSHI_WAIT_WRITE] = RSHI_TRACE_WAIT_WRITE,
	        [RSHI_WAIT_COND] = RSHI_TRACE_WAIT_CONDITION,
	        [RSHI_WAIT_SEM] = RSHI_TRACE_WAIT_SEMAPHORE,
	        [RSHI_WAIT_BARRIER] = RSHI_TRACE_WAIT_BARRIER,
	        [RSHI_WAIT_JOIN] = RSHI_TRACE_WAIT_JOIN,
	};

	return waits[kind];
}

static void wait_begin(struct rshi_watched *w, const struct rshi_waited *what)
{
	w->note = is_on(RSH_TRACE_AUTO_WAITS)
	                  ? begin(RSHI_TRACE_WAIT, wait_of(what->kind), what->of)
	                  : 0;
}

static void wait_end(const struct rshi_watched *w, const struct rshi_waited *what, int has_waited,
                     const struct rshi_here *here)
{
	(void)what;
	(void)has_waited;
	(void)here;
	end(w->note);
}

const struct rshi_watcher rshi_trace_watcher_sig = {wait_begin, wait_end, NULL, NULL};

uint64_t rsh_trace_call_sig(struct rsh_trace_name *name, uint64_t of)
{
	return is_on(RSH_TRACE_AUTO_CALLS)
	               ? begin(RSHI_TRACE_CALL, rshi_number_of(&rshi_trace_sig, name), of)
	               : 0;
}

void rsh_trace_call_end_sig(uint64_t call)
{
	end(call);
}

static uint64_t make(void)
{
	uint64_t flow;

	if (!is_on(RSH_TRACE_AUTO_THREADS))
		return 0;
	flow = __atomic_add_fetch(&rshi_trace_sig.id, 1, __ATOMIC_RELAXED);
	(void)rshi_emit(&create, RSHI_TRACE_FLOW, flow, 0);
	return flow << ID_SHIFT | (uint64_t)rshi_gettid_sig();
}

/* The arrow points to nothing. */
static void cancel(uint64_t note)
{
	(void)note;
}

static void begin_thread(uint64_t note)
{
	struct rshi_trace *s = &rshi_trace_sig;

	if (!is_on(RSH_TRACE_AUTO_THREADS))
		return;
	(void)rshi_emit_numbered(s, RSHI_TRACE_THREAD, (uint32_t)(note & RSHI_OWNER_ID), 0, 0);
	(void)rshi_emit(&create, RSHI_TRACE_FLOW_END, note >> ID_SHIFT, 0);
}

static void end_thread(void)
{
	struct rshi_trace_thread *t = mine();

	if (t && t->open_since == switched())
		close_from(t, 0);
	if (is_on(RSH_TRACE_AUTO_THREADS))
		(void)rshi_emit_numbered(&rshi_trace_sig, RSHI_TRACE_THREAD_END, 0, 0, 0);
}

const struct rshi_follower rshi_trace_follower_sig = {make, cancel, begin_thread, end_thread, 1};
