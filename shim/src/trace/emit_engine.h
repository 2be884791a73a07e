/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_EMIT_ENGINE_H
#define RSH_TRACE_EMIT_ENGINE_H

/*
 * One event: what rsh_trace_emit() and rsh_trace_log() do, and those that end in _sig.
 *
 * A section is what whoever ends a generation waits for. The thread says that it is in one, then
 * looks which generation it is; between the two the processor must not swap the store and the load.
 * Nothing is there to hold them apart but that whoever ends a generation asks the kernel to do so in
 * all threads (membarrier), since that is once a second and this is all the time.
 *
 * A handler that comes in a section has lanes of its own. It may be in the next generation already;
 * the one after that does not begin before the section has ended that it has interrupted.
 *
 * Compiled into ordinary code, where the visible build sees it, and into handlers.
 */

#include <asm/unistd.h>
#include <errno.h>
#include <linux/prctl.h>

#include <raceshim/sigsafe.h>
#include <raceshim/trace.h>

#include "buffers_engine.h"
#include "core/ticks.h"
#include "names_engine.h"
#include "threads_engine.h"

/* A section, and where in it events are written. */
struct rshi_section {
	struct rshi_trace_thread *thread;
	uint64_t generation;
	uint32_t before; /* thread->section, if it is the thread's outermost */
	uint32_t depth;  /* 0, or 1: a handler amid another section */
};

static inline int rshi_lose(struct rshi_trace *s, enum rshi_trace_lost why)
{
	__atomic_fetch_add(&s->lost[why], 1, __ATOMIC_RELAXED);
	return ENOBUFS;
}

static inline int rshi_section_enter(struct rshi_trace *s, struct rshi_section *in)
{
	struct rshi_trace_thread *t = __atomic_load_n(&rshi_trace_mine_sig, __ATOMIC_RELAXED);

	if (__builtin_expect(!t, 0)) {
		if (!__atomic_load_n(&s->generation, __ATOMIC_RELAXED))
			return ESRCH;
		t = rshi_threads_enter(s);
		if (!t)
			return rshi_lose(s, RSHI_TRACE_LOST_THREAD);
	}
	in->thread = t;
	in->before = __atomic_load_n(&t->section, __ATOMIC_RELAXED);
	in->depth = in->before & 1;
	if (__builtin_expect(in->depth != 0, 0)) {
		if (__atomic_load_n(&t->nested, __ATOMIC_RELAXED))
			return rshi_lose(s, RSHI_TRACE_LOST_NESTED);
		__atomic_store_n(&t->nested, 1, __ATOMIC_RELAXED);
	} else if (__builtin_expect(s->ordered != 0, 0)) {
		/* [TS2] seq_cst, pairs with [TG2]: where the kernel does not help. */
		__atomic_exchange_n(&t->section, in->before + 1, __ATOMIC_SEQ_CST);
	} else {
		__atomic_store_n(&t->section, in->before + 1, __ATOMIC_RELAXED);
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* [TS2] for the compiler, and for handlers */
	/* [TG3] acquire, pairs with [TG1]: the lanes of this generation are empty. */
	in->generation = __atomic_load_n(&s->generation, __ATOMIC_ACQUIRE);
	return 0;
}

static inline void rshi_section_leave(const struct rshi_section *in)
{
	if (__builtin_expect(in->depth != 0, 0))
		__atomic_store_n(&in->thread->nested, 0, __ATOMIC_RELAXED);
	else
		/* [TS1] release, pairs with [TS3] and [TS4]: the events. */
		__atomic_store_n(&in->thread->section, in->before + 2, __ATOMIC_RELEASE);
}

/* Room for a batch with @need bytes of events, in the present buffer or another one. */
static inline int rshi_lane_room(struct rshi_trace *s, struct rshi_trace_lane *lane,
                                 uint64_t generation, size_t need)
{
	struct rshi_trace_buffers *b = &s->buffers;

	if (lane->batch)
		rshi_lane_close(b, lane);
	if (lane->end && (size_t)(lane->end - lane->p) >= sizeof(struct rshi_trace_batch) + need)
		return 1;
	if (lane->buffer) {
		rshi_buffer_push(b, generation, lane->buffer);
		rshi_parking_post(&s->reader);
		rshi_parking_post(&s->recorder);
	}
	rshi_lane_empty(lane);
	__atomic_store_n(&lane->buffer, rshi_buffer_take(b), __ATOMIC_RELAXED);
	if (!lane->buffer)
		return 0;
	b->meta[lane->buffer - 1].lane = (uint32_t)((uintptr_t)lane / sizeof(*lane));
	rshi_lane_at(lane, rshi_buffer_memory(b, lane->buffer));
	lane->end = lane->p + RSHI_TRACE_BUFFER;
	return 1;
}

/* Open a batch that has room for @need bytes. Returns whether there is memory. */
__attribute__((noinline)) static int rshi_lane_open(struct rshi_trace *s,
                                                    const struct rshi_section *in, size_t need)
{
	struct rshi_trace_thread *t = in->thread;
	struct rshi_trace_lane *lane = &t->lanes[in->depth][in->generation & 1];
	struct rshi_trace_batch *batch;
	uint64_t now;

	if (!rshi_lane_room(s, lane, in->generation, need))
		return 0;
	now = rshi_trace_ticks_sig();
	if (now < t->last[in->depth])
		now = t->last[in->depth];
	t->last[in->depth] = now;
	__atomic_store_n(&lane->batch, lane->p, __ATOMIC_RELAXED);
	batch = (struct rshi_trace_batch *)lane->batch;
	batch->block.type = RSHI_TRACE_BATCH;
	batch->block.flags = in->depth ? RSHI_TRACE_NESTED : 0;
	batch->block.reserved = 0;
	batch->generation = in->generation;
	batch->start = now;
	batch->tid = t->tid;
	rshi_call_sig(__NR_prctl, PR_GET_NAME, (long)batch->thread, 0, 0, 0);
	rshi_lane_at(lane, lane->p + sizeof(*batch));
	lane->limit = lane->end - RSHI_TRACE_EVENT_MAX;
	lane->events = 0;
	return 1;
}

static inline unsigned char *rshi_put_number(unsigned char *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (unsigned char)(v | 0x80);
		v >>= 7;
	}
	*p++ = (unsigned char)v;
	return p;
}

static inline uint64_t rshi_zigzag(uint64_t v)
{
	return v << 1 ^ (uint64_t)((int64_t)v >> 63);
}

static inline unsigned char *rshi_put_time(const struct rshi_trace *s, struct rshi_trace_thread *t,
                                           uint32_t depth, unsigned char *p, uint32_t kind)
{
	uint64_t last = t->last[depth];
	uint64_t now = __builtin_expect(s->unit == RSHI_TRACE_TSC, 1) ? rshi_ticks_sig()
	                                                              : rshi_trace_ticks_sig();

	if (now <= last)
		now = last + 1;
	t->last[depth] = now;
	*p++ = (unsigned char)kind;
	return rshi_put_number(p, now - last);
}

static inline uint32_t rshi_number_of(struct rshi_trace *s, struct rsh_trace_name *name)
{
	/* [TN4] acquire, pairs with [TN3]: who reads the event finds the name. */
	uint32_t number = __atomic_load_n(&name->number, __ATOMIC_ACQUIRE);

	return __builtin_expect(number != 0, 1) ? number : rshi_names_number(&s->names, name);
}

/* @number: of the name; of an event without one, what stands in its place. */
static inline int rshi_emit_numbered(struct rshi_trace *s, uint32_t kind, uint32_t number,
                                     uint64_t a, uint64_t b)
{
	struct rshi_trace_lane *lane;
	struct rshi_section in;
	unsigned char *p;
	int err = rshi_section_enter(s, &in);

	if (err)
		return err;
	lane = &in.thread->lanes[in.depth][in.generation & 1];
	if (__builtin_expect(!in.generation, 0)) {
		err = ESRCH;
	} else if (__builtin_expect(lane->p >= lane->limit, 0) &&
	           !rshi_lane_open(s, &in, RSHI_TRACE_EVENT_MAX)) {
		err = rshi_lose(s, RSHI_TRACE_LOST_BUFFER);
	} else {
		p = rshi_put_time(s, in.thread, in.depth, lane->p, kind);
		if (kind != RSHI_TRACE_THREAD_END)
			p = rshi_put_number(p, number);
		switch (kind) {
		case RSHI_TRACE_INSTANT_2:
			p = rshi_put_number(p, rshi_zigzag(a));
			p = rshi_put_number(p, rshi_zigzag(b));
			break;
		case RSHI_TRACE_INSTANT_1:
		case RSHI_TRACE_COUNTER:
			p = rshi_put_number(p, rshi_zigzag(a));
			break;
		case RSHI_TRACE_TASK:
			p = rshi_put_number(p, a);
			p = rshi_put_number(p, b);
			break;
		case RSHI_TRACE_TASK_END:
		case RSHI_TRACE_FLOW:
		case RSHI_TRACE_FLOW_END:
		case RSHI_TRACE_WAIT:
		case RSHI_TRACE_WAIT_END:
		case RSHI_TRACE_CALL:
			p = rshi_put_number(p, a);
			break;
		default:
			break;
		}
		rshi_lane_at(lane, p);
		lane->events++;
	}
	rshi_section_leave(&in);
	return err;
}

static inline int rshi_emit(struct rsh_trace_name *name, uint32_t kind, uint64_t a, uint64_t b)
{
	struct rshi_trace *s = &rshi_trace_sig;

	if (kind - RSHI_TRACE_INSTANT > RSHI_TRACE_FLOW_END - RSHI_TRACE_INSTANT)
		return EINVAL;
	return rshi_emit_numbered(s, kind, rshi_number_of(s, name), a, b);
}

/* @n: bytes of the text, at most RSHI_TRACE_TEXT. */
static inline int rshi_log(struct rsh_trace_name *category, const char *text, uint32_t n)
{
	struct rshi_trace *s = &rshi_trace_sig;
	size_t need = RSHI_TRACE_EVENT_MAX + (size_t)n;
	uint32_t number = rshi_number_of(s, category);
	struct rshi_trace_lane *lane;
	struct rshi_section in;
	unsigned char *p;
	int err = rshi_section_enter(s, &in);

	if (err)
		return err;
	lane = &in.thread->lanes[in.depth][in.generation & 1];
	if (!in.generation) {
		err = ESRCH;
	} else if ((lane->p >= lane->limit || (size_t)(lane->end - lane->p) < need) &&
	           !rshi_lane_open(s, &in, need)) {
		err = rshi_lose(s, RSHI_TRACE_LOST_BUFFER);
	} else {
		p = rshi_put_time(s, in.thread, in.depth, lane->p, RSHI_TRACE_LOG);
		p = rshi_put_number(p, number);
		p = rshi_put_number(p, n);
		rsh_memcpy_sig(p, text, n);
		rshi_lane_at(lane, p + n);
		lane->events++;
	}
	rshi_section_leave(&in);
	return err;
}

#endif /* RSH_TRACE_EMIT_ENGINE_H */
