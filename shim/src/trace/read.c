/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader: generations become bytes. */

#include <errno.h>

#include <raceshim/trace.h>

#include "blocks.h"
#include "buffers_engine.h"
#include "generations.h"
#include "read.h"

#define MONOTONIC 1
#define SCRATCH   16384u

/* The one who reads; all but `busy` is the reader's own. */
static struct {
	int busy; /* atomic: thread id of who reads, 0 if nobody does */
	enum rshi_trace_part part;
	uint32_t buffer; /* that was given out, plus 1 */
	struct rshi_names_cursor names;
	unsigned char scratch[SCRATCH] __attribute__((aligned(16)));
} reader;

static size_t give_scratch(const void **data, size_t n)
{
	*data = reader.scratch;
	return n;
}

/* With the trace lock: the next bytes of the first generation; 0 if there are none yet. */
static size_t next_part(struct rshi_trace_session *session, const void **data)
{
	struct rshi_trace_buffers *b = &rshi_trace_sig.buffers;
	struct rshi_generation *g = rshi_generation_of(session, session->first);
	size_t n;

	switch (reader.part) {
	case RSHI_PART_HEADER:
		reader.part = RSHI_PART_BATCHES;
		return give_scratch(data, rshi_put_header_sig(reader.scratch, g));
	case RSHI_PART_BATCHES:
		reader.buffer = g->head;
		if (reader.buffer) {
			g->head = __atomic_load_n(&b->meta[g->head - 1].next, __ATOMIC_RELAXED);
			if (!g->head)
				g->tail = 0;
			*data = rshi_buffer_memory(b, reader.buffer);
			return b->meta[reader.buffer - 1].used;
		}
		if (!g->is_over)
			return 0;
		reader.part = RSHI_PART_NAMES;
		reader.names = (struct rshi_names_cursor){0, NULL};
		/* fall through */
	case RSHI_PART_NAMES:
		n = rshi_put_names_sig(reader.scratch, SCRATCH, &reader.names);
		if (n)
			return give_scratch(data, n);
		/* fall through */
	case RSHI_PART_TAIL:
		n = rshi_put_tail_sig(reader.scratch, g, g->is_last ? RSHI_TRACE_LAST : 0, 0);
		reader.part = RSHI_PART_HEADER;
		if (g->is_last)
			reader.part = RSHI_PART_OVER;
		else
			session->first++;
		return give_scratch(data, n);
	case RSHI_PART_OVER:
		reader.part = RSHI_PART_HEADER;
		session->is_there = 0;
		return 0;
	}
	return 0;
}

/* The period is over, and nobody else has ended the generation. */
static void advance_if_due(void)
{
	rshi_lock(&rshi_trace_control);
	if (rshi_session_trace.is_on && rshi_trace_clock_sig(MONOTONIC) >= rshi_generations_due())
		(void)rshi_generations_advance(0);
	rshi_unlock(&rshi_trace_control);
}

static int read_next(const void **data, size_t *n)
{
	struct rshi_trace_session *session = &rshi_session_trace;

	*data = NULL;
	*n = 0;
	for (;;) {
		uint64_t due = 0, now;
		int is_there, is_traced;

		rshi_parking_look(&rshi_trace_sig.reader);
		rshi_lock(&session->lock);
		if (reader.buffer)
			rshi_buffer_give_back(&rshi_trace_sig.buffers, reader.buffer);
		reader.buffer = 0;
		is_there = (int)session->is_there;
		is_traced = (int)session->is_traced;
		if (is_there) {
			rshi_generations_collect();
			*n = next_part(session, data);
			is_there = (int)session->is_there;
			due = rshi_generations_due();
		}
		rshi_unlock(&session->lock);
		if (*n)
			return 0;
		if (!is_there)
			return is_traced ? 0 : ESRCH;
		now = rshi_trace_clock_sig(MONOTONIC);
		if (now < due)
			rshi_parking_wait(&rshi_trace_sig.reader, due - now);
		else
			advance_if_due();
	}
}

/* Become the one who reads: nobody is, or who was has ended in the middle. */
static int enter(void)
{
	int me = rshi_gettid_sig(), who = __atomic_load_n(&reader.busy, __ATOMIC_RELAXED);

	if (who && (who == me || rshi_tgkill_sig(rshi_getpid_sig(), who, 0) != ESRCH))
		return EBUSY;
	/* [TR1] acquire, pairs with [TR2]: what the last one has read. */
	return __atomic_compare_exchange_n(&reader.busy, &who, me, 0, __ATOMIC_ACQUIRE,
	                                   __ATOMIC_RELAXED)
	               ? 0
	               : EBUSY;
}

int rshi_trace_read(const void **data, size_t *n)
{
	int err = enter();

	if (err)
		return err;
	err = read_next(data, n);
	/* [TR2] release, pairs with [TR1]. */
	__atomic_store_n(&reader.busy, 0, __ATOMIC_RELEASE);
	return err;
}

void rshi_trace_read_forked(void)
{
	__atomic_store_n(&reader.busy, 0, __ATOMIC_RELAXED);
	reader.part = RSHI_PART_HEADER;
	reader.buffer = 0;
}
