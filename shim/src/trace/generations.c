/* SPDX-License-Identifier: BSD-2-Clause */
/* Generations begin and end. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <asm/unistd.h>
#include <errno.h>
#include <linux/membarrier.h>

#include <raceshim/sigsafe.h>
#include <raceshim/trace.h>

#include "buffers_engine.h"
#include "clock.h"
#include "core/files.h"
#include "flight.h"
#include "generations.h"

#define MONOTONIC   1
#define REALTIME    0
#define MIB         ((size_t)1 << 20)
#define BYTES       (64 * MIB)
#define BYTES_LEAST MIB
#define BYTES_MOST  ((size_t)1 << 40)
#define PERIOD_MS   1000u
#define NS_PER_MS   1000000u
#define NAME        16
#define ATTEMPTS    5
#define SPINS       100
#define SLEEP       50000u /* nanoseconds between two looks at a thread */

struct rshi_lock rshi_trace_control;
struct rshi_trace_session rshi_session_trace;

/* The thread may lose its processor between two clocks: the closest of some attempts. */
static void read_clocks(struct rshi_trace_clock *now)
{
	uint64_t closest = UINT64_MAX;

	for (int i = 0; i < ATTEMPTS; i++) {
		uint64_t before = rshi_trace_ticks_sig();
		uint64_t monotonic = rshi_trace_clock_sig(MONOTONIC);
		uint64_t realtime = rshi_trace_clock_sig(REALTIME);
		uint64_t apart = rshi_trace_ticks_sig() - before;

		if (apart >= closest)
			continue;
		closest = apart;
		*now = (struct rshi_trace_clock){before + apart / 2, monotonic, realtime};
	}
}

/* Every thread's loads come after its stores before this, as if it had a barrier there. */
static void order_all_threads(void)
{
	if (!rshi_trace_sig.ordered)
		rshi_call_sig(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0, 0);
}

/* Once, before the first trace: whether the kernel can do that. */
static void prepare_order(void)
{
	static int is_prepared; /* the control's */

	if (is_prepared)
		return;
	is_prepared = 1;
	rshi_trace_sig.ordered =
	        rshi_call_sig(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0,
	                      0) != 0;
}

static void free_buffers(struct rshi_trace_buffers *b)
{
	if (b->memory)
		rshi_munmap_sig(b->memory, b->bytes);
	b->memory = NULL;
	b->n = 0;
}

/* Nobody writes, and nothing is to be read. */
static int make_buffers(struct rshi_trace_buffers *b, size_t bytes)
{
	size_t n = bytes / RSHI_TRACE_BUFFER;
	size_t size = n * (RSHI_TRACE_BUFFER + sizeof(struct rshi_trace_meta));
	void *memory;
	int err;

	if (b->memory && b->n == n)
		return 0; /* all of them are free */
	err = rshi_mmap_sig(size, &memory);
	if (err)
		return err;
	free_buffers(b);
	b->memory = memory;
	b->meta = (struct rshi_trace_meta *)(b->memory + n * RSHI_TRACE_BUFFER);
	b->bytes = size;
	b->n = (uint32_t)n;
	__atomic_store_n(&b->free, (uint64_t)0, __ATOMIC_RELAXED);
	__atomic_store_n(&b->fresh, 0, __ATOMIC_RELAXED);
	return 0;
}

/* With the trace lock: a buffer is the generation's last one. */
static void append(struct rshi_generation *g, uint32_t buffer)
{
	struct rshi_trace_meta *meta = rshi_trace_sig.buffers.meta;

	__atomic_store_n(&meta[buffer - 1].next, 0, __ATOMIC_RELAXED);
	if (g->tail)
		__atomic_store_n(&meta[g->tail - 1].next, buffer, __ATOMIC_RELAXED);
	else
		g->head = buffer;
	g->tail = buffer;
}

/* With the trace lock: a buffer of the generation is complete. */
static void add(struct rshi_generation *g, uint32_t buffer)
{
	struct rshi_trace_buffers *b = &rshi_trace_sig.buffers;
	const struct rshi_trace_meta *meta = &b->meta[buffer - 1];

	g->events += meta->events;
	rshi_flight_add(g->number, rshi_buffer_memory(b, buffer), meta->used, meta->events);
	if (g->is_read)
		append(g, buffer);
	else
		rshi_buffer_give_back(b, buffer);
}

static void collect(struct rshi_generation *g)
{
	struct rshi_trace_buffers *b = &rshi_trace_sig.buffers;
	/* [TB4] acquire, pairs with [TB3]: what is in the buffers. */
	uint32_t list = __atomic_exchange_n(&b->full[g->number & 1], 0, __ATOMIC_ACQUIRE),
	         first = 0;

	/* The last one is the first in the list. */
	while (list) {
		uint32_t next = __atomic_load_n(&b->meta[list - 1].next, __ATOMIC_RELAXED);

		__atomic_store_n(&b->meta[list - 1].next, first, __ATOMIC_RELAXED);
		first = list;
		list = next;
	}
	while (first) {
		uint32_t next = __atomic_load_n(&b->meta[first - 1].next, __ATOMIC_RELAXED);

		add(g, first);
		first = next;
	}
}

void rshi_generations_collect(void)
{
	struct rshi_trace_session *session = &rshi_session_trace;

	/* One that ends, and the present one. */
	for (uint64_t n = session->last ? session->last - 1 : 0; n <= session->last; n++) {
		struct rshi_generation *g = rshi_generation_of(session, n);

		if (n && g->number == n && !g->is_over)
			collect(g);
	}
}

/* Until the thread is in no section that it has begun before. */
static void wait_for(const struct rshi_trace_thread *t)
{
	/* [TS4] acquire, pairs with [TS1]: the events of the section before. */
	uint32_t section = __atomic_load_n(&t->section, __ATOMIC_ACQUIRE), never = 0;

	if (!(section & 1))
		return;
	/* [TS4] likewise: it has left that section. */
	for (int i = 0; __atomic_load_n(&t->section, __ATOMIC_ACQUIRE) == section; i++) {
		if (i < SPINS) {
			rshi_call_sig(__NR_sched_yield, 0, 0, 0, 0, 0);
			continue;
		}
		/* Cancelled in the middle. */
		if (rshi_trace_is_gone_sig(t))
			return;
		rshi_futex_wait_sig(&never, 0, SLEEP);
	}
}

/* With the trace lock: what the thread has written in this generation. */
static void take_lanes(struct rshi_generation *g, struct rshi_trace_thread *t)
{
	for (int depth = 0; depth < RSHI_TRACE_LANES; depth++) {
		struct rshi_trace_lane *lane = &t->lanes[depth][g->number & 1];

		if (lane->batch)
			rshi_lane_close(&rshi_trace_sig.buffers, lane);
		if (lane->buffer)
			add(g, lane->buffer);
		rshi_lane_empty(lane);
	}
}

static void take_losses(struct rshi_generation *g)
{
	struct rshi_trace_session *session = &rshi_session_trace;

	for (int i = 0; i < RSHI_TRACE_LOST_CLASSES; i++) {
		uint64_t lost = __atomic_load_n(&rshi_trace_sig.lost[i], __ATOMIC_RELAXED);

		g->lost[i] = lost - session->reported[i];
		session->reported[i] = lost;
	}
}

/* With the trace lock. */
static void begin(uint64_t number, const struct rshi_trace_clock *now)
{
	struct rshi_trace_session *session = &rshi_session_trace;
	struct rshi_generation *g = rshi_generation_of(session, number);

	g->number = number;
	g->begin = *now;
	g->head = 0;
	g->tail = 0;
	g->is_over = 0;
	g->is_last = 0;
	g->is_read = session->is_on;
	g->events = 0;
	session->last = number;
	rshi_flight_begin(g);
}

static void end(struct rshi_generation *g, const struct rshi_trace_clock *now)
{
	for (struct rshi_trace_thread *t = rshi_threads_first(&rshi_trace_sig); t; t = t->next)
		wait_for(t);
	rshi_lock(&rshi_session_trace.lock);
	collect(g);
	for (struct rshi_trace_thread *t = rshi_threads_first(&rshi_trace_sig); t; t = t->next)
		take_lanes(g, t);
	take_losses(g);
	g->end = *now;
	g->is_over = 1;
	rshi_session_trace.events += g->events;
	rshi_unlock(&rshi_session_trace.lock);
	rshi_parking_post(&rshi_trace_sig.reader);
	rshi_flight_end(g);
}

int rshi_generations_advance(int is_last)
{
	struct rshi_trace_session *session = &rshi_session_trace;
	struct rshi_trace_clock now;
	int goes_on = session->is_on || session->is_kept;
	struct rshi_generation *g;
	uint64_t next = 0;

	if (goes_on)
		rshi_flight_prepare(session->last + 1);
	rshi_lock(&session->lock);
	g = rshi_generation_of(session, session->last);
	g->is_last = (uint32_t)is_last;
	if (session->is_there && session->last - session->first >= RSHI_TRACE_GENERATIONS - 2 &&
	    !is_last) {
		rshi_unlock(&session->lock);
		return EAGAIN;
	}
	read_clocks(&now);
	if (goes_on) {
		next = session->last + 1;
		begin(next, &now);
	}
	rshi_unlock(&session->lock);
	/* [TG1] release, pairs with [TG3]: the lanes of the next generation are empty. */
	__atomic_store_n(&rshi_trace_sig.generation, next, __ATOMIC_RELEASE);
	order_all_threads(); /* [TG2] pairs with [TS2]: the generation is stored, sections are looked at */
	end(g, &now);
	return 0;
}

/* The name of the process, with zeros behind. */
static void put_process(char *name)
{
	char text[NAME + 1] = {0};
	size_t n = 0;
	int fd;

	if (!rshi_open_sig(RSHI_CWD, "/proc/self/comm", &fd)) {
		(void)rshi_read_sig(fd, text, sizeof(text), &n);
		rshi_close_sig(fd);
	}
	for (size_t i = 0; i < NAME; i++)
		name[i] = (char)(text[i] == '\n' ? 0 : text[i]);
}

/* Nobody writes, and nothing waits to be read: all may be as it is wanted now. */
static int prepare(const struct rsh_trace_options *options)
{
	struct rshi_trace_session *session = &rshi_session_trace;
	size_t bytes = options->buffer_bytes ? options->buffer_bytes : BYTES;
	int err;

	if (bytes < BYTES_LEAST || bytes > BYTES_MOST || options->clock > RSH_TRACE_CLOCK_MONOTONIC)
		return EINVAL;
	err = make_buffers(&rshi_trace_sig.buffers, bytes);
	if (err)
		return err;
	prepare_order();
	rshi_trace_prepare_clock(options->clock);
	session->period =
	        (uint64_t)(options->period_ms ? options->period_ms : PERIOD_MS) * NS_PER_MS;
	/* Of another clock, perhaps. No thread looks before there is a generation. */
	for (struct rshi_trace_thread *t = rshi_threads_first(&rshi_trace_sig); t; t = t->next)
		for (int i = 0; i < RSHI_TRACE_LANES; i++)
			t->last[i] = 0;
	put_process(session->process);
	return 0;
}

int rshi_generations_begin(const struct rsh_trace_options *options)
{
	struct rshi_trace_session *session = &rshi_session_trace;
	struct rshi_trace_clock now;
	int err = 0, is_there;

	/* A trace that has not been read keeps its buffers and its clock. */
	rshi_lock(&session->lock);
	is_there = (int)session->is_there;
	if (is_there && session->last - session->first >= RSHI_TRACE_GENERATIONS - 2)
		err = EAGAIN;
	rshi_unlock(&session->lock);
	if (!is_there)
		err = prepare(options);
	if (err)
		return err;
	rshi_flight_prepare(session->last + 1);
	read_clocks(&now);
	rshi_lock(&session->lock);
	begin(session->last + 1, &now);
	rshi_unlock(&session->lock);
	/* [TG1] release, pairs with [TG3]: all that a trace needs. */
	__atomic_store_n(&rshi_trace_sig.generation, session->last, __ATOMIC_RELEASE);
	return 0;
}

uint64_t rshi_generations_due(void)
{
	struct rshi_trace_session *session = &rshi_session_trace;

	return rshi_generation_of(session, session->last)->begin.monotonic + session->period;
}

void rshi_generations_forked(void)
{
	struct rshi_trace_session *session = &rshi_session_trace;
	struct rshi_trace *s = &rshi_trace_sig;

	__atomic_store_n(&s->generation, (uint64_t)0, __ATOMIC_RELAXED);
	for (struct rshi_trace_thread *t = rshi_threads_first(s); t; t = t->next) {
		for (int i = 0; i < RSHI_TRACE_LANES; i++) {
			for (int odd = 0; odd < 2; odd++) {
				t->lanes[i][odd].batch = NULL;
				rshi_lane_empty(&t->lanes[i][odd]);
			}
		}
		t->nested = 0;
		__atomic_store_n(&t->section, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&t->owner, (uint64_t)0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&rshi_trace_mine_sig, NULL, __ATOMIC_RELAXED);
	/* They stay: a handler that forks may have interrupted who was writing. */
	if (s->buffers.memory)
		rsh_memset_sig(s->buffers.meta, 0, s->buffers.n * sizeof(*s->buffers.meta));
	__atomic_store_n(&s->buffers.free, (uint64_t)0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->buffers.fresh, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->buffers.full[0], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->buffers.full[1], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->buffers.in_use, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < RSHI_TRACE_LOST_CLASSES; i++) {
		__atomic_store_n(&s->lost[i], (uint64_t)0, __ATOMIC_RELAXED);
		session->reported[i] = 0;
	}
	__atomic_store_n(&s->reader.reader, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&s->reader.work, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->recorder.reader, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&s->recorder.work, 0, __ATOMIC_RELAXED);
	session->is_on = 0;
	session->is_kept = 0;
	session->is_there = 0;
	session->is_traced = 0;
	session->events = 0;
}
