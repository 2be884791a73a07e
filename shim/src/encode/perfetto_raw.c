/* SPDX-License-Identifier: BSD-2-Clause */
/* From the tracer's own format to packets. */

#include <errno.h>

#include "core/trace_format.h"
#include "perfetto_packet.h"
#include "raw_bytes.h"

#define NAMES_MAX (1u << 24) /* there is memory for each number up to the largest */

struct raw {
	struct rshi_perfetto *out;
	struct rshi_raw_bytes b;
	struct rshi_trace_header header;
	struct rshi_trace_tail tail;
	double rate;  /* nanoseconds in a tick */
	uint32_t tid; /* of the batch before; 0: none */
	uint64_t last;
	char thread[16];
};

/*
 * Find out where the generation at @at ends, and read its header and its end. ENODATA: it is not
 * all there yet. EBADMSG: it is none.
 */
static int find_end(struct raw *r, size_t at, size_t *end)
{
	struct rshi_trace_block block;
	const struct rshi_trace_header *h = &r->header;

	if (!rshi_raw_get(&r->b, at, &r->header, sizeof(r->header)))
		return ENODATA;
	if (h->block.type != RSHI_TRACE_HEADER || h->block.length < sizeof(*h) ||
	    rsh_memcmp_sig(h->magic, RSHI_TRACE_MAGIC, sizeof(h->magic)) ||
	    h->version != RSHI_TRACE_VERSION)
		return EBADMSG;
	for (; rshi_raw_get(&r->b, at, &block, sizeof(block)); at += block.length) {
		if (block.length < sizeof(block))
			return EBADMSG;
		if (block.length > r->b.n - at)
			return ENODATA;
		if (block.type != RSHI_TRACE_TAIL)
			continue;
		if (block.length < sizeof(r->tail) ||
		    !rshi_raw_get(&r->b, at, &r->tail, sizeof(r->tail)) ||
		    r->tail.mark != RSHI_TRACE_END || r->tail.generation != h->generation)
			return EBADMSG;
		*end = at + block.length;
		return 0;
	}
	return ENODATA;
}

/* In order, whatever the rounding: of two events the later one never comes out as the earlier. */
static uint64_t time_of(const struct raw *r, uint64_t ticks)
{
	const struct rshi_trace_clock *begin = &r->header.begin;
	double since = (double)(int64_t)(ticks - begin->ticks) * r->rate;

	return begin->monotonic + (uint64_t)(int64_t)since;
}

static void set_rate(struct raw *r)
{
	const struct rshi_trace_clock begin = r->header.begin, end = r->tail.end;
	double ticks = (double)(int64_t)(end.ticks - begin.ticks);
	double time = (double)(int64_t)(end.monotonic - begin.monotonic);

	r->rate = r->header.unit == RSHI_TRACE_NS || ticks <= 0 || time <= 0 ? 1 : time / ticks;
}

/* Note where the texts of names are: they may come behind the events that use them. */
static int note_names(struct raw *r, size_t end)
{
	struct rshi_grow *places = &r->out->places;
	int err;

	while (r->b.at < end && !r->b.broken) {
		uint64_t number = rshi_raw_var(&r->b);
		struct rshi_raw_place place = rshi_raw_text(&r->b);
		size_t need = ((size_t)number + 1) * sizeof(place);

		if (number > NAMES_MAX || r->b.at > end)
			return EBADMSG;
		if (need > places->used) {
			err = rshi_grow_reserve(places, need - places->used);
			if (err)
				return err;
			places->used = need;
		}
		if (places->p)
			((struct rshi_raw_place *)places->p)[number] = place;
	}
	return r->b.broken ? EBADMSG : 0;
}

static struct rshi_perfetto_name take_name(struct raw *r)
{
	const struct rshi_grow *places = &r->out->places;
	uint64_t number = rshi_raw_var(&r->b);
	struct rshi_perfetto_name name = RSHI_PERFETTO_NAME("?");
	struct rshi_raw_place place = {0, 0};

	if (number < places->used / sizeof(place))
		place = ((const struct rshi_raw_place *)places->p)[number];
	if (number && place.at) {
		name.text = (const char *)r->b.p + place.at;
		name.n = place.n;
		name.number = (uint32_t)number;
	}
	return name;
}

static const struct rshi_perfetto_name *wait_name(uint64_t what)
{
	static const struct rshi_perfetto_name names[] = {
	        RSHI_PERFETTO_NAME("wait"),
	        RSHI_PERFETTO_NAME("wait for mutex"),
	        RSHI_PERFETTO_NAME("wait for condition"),
	        RSHI_PERFETTO_NAME("wait for semaphore"),
	        RSHI_PERFETTO_NAME("wait for input or output"),
	        RSHI_PERFETTO_NAME("wait for thread"),
	        RSHI_PERFETTO_NAME("wait for reading"),
	        RSHI_PERFETTO_NAME("wait for writing"),
	        RSHI_PERFETTO_NAME("wait at barrier"),
	};

	return &names[what < sizeof(names) / sizeof(*names) ? what : 0];
}

/* What an event is, apart from its name and its values. */
static enum rshi_perfetto_kind kind_of(unsigned int kind)
{
	switch (kind) {
	case RSHI_TRACE_REGION:
	case RSHI_TRACE_TASK:
	case RSHI_TRACE_WAIT:
	case RSHI_TRACE_CALL:
		return RSHI_PERFETTO_BEGIN;
	case RSHI_TRACE_REGION_END:
	case RSHI_TRACE_TASK_END:
	case RSHI_TRACE_WAIT_END:
	case RSHI_TRACE_CALL_END:
		return RSHI_PERFETTO_END;
	case RSHI_TRACE_COUNTER:
		return RSHI_PERFETTO_COUNTER;
	default:
		return RSHI_PERFETTO_INSTANT;
	}
}

static const struct rshi_perfetto_name ours = RSHI_PERFETTO_NAME("raceshim");

static void take_values(struct raw *r, struct rshi_perfetto_arg *args, size_t n)
{
	static const struct rshi_perfetto_name names[] = {RSHI_PERFETTO_NAME("value"),
	                                                  RSHI_PERFETTO_NAME("value2")};

	for (size_t i = 0; i < n; i++)
		args[i] = (struct rshi_perfetto_arg){names[i], NULL, 0, rshi_raw_zigzag(&r->b), 0};
}

static int64_t take_wait(struct raw *r, struct rshi_perfetto_event *e)
{
	e->name = *wait_name(rshi_raw_var(&r->b));
	e->category = ours;
	e->n_args = e->kind == RSHI_PERFETTO_BEGIN;
	return (int64_t)rshi_raw_var(&r->b);
}

/* Read what follows an event's time. */
static void take_event(struct raw *r, unsigned int kind, struct rshi_perfetto_event *e,
                       struct rshi_perfetto_arg args[2], uint64_t *flow)
{
	static const struct rshi_perfetto_name address = RSHI_PERFETTO_NAME("of"),
	                                       maker = RSHI_PERFETTO_NAME("maker"),
	                                       begins = RSHI_PERFETTO_NAME("thread begins"),
	                                       ends = RSHI_PERFETTO_NAME("thread ends");
	struct rshi_raw_place text;

	e->kind = kind_of(kind);
	e->args = args;
	if (kind < RSHI_TRACE_THREAD || kind >= RSHI_TRACE_CALL)
		e->name = take_name(r);
	switch (kind) {
	case RSHI_TRACE_INSTANT_1:
	case RSHI_TRACE_INSTANT_2:
		e->n_args = kind - RSHI_TRACE_INSTANT;
		take_values(r, args, e->n_args);
		break;
	case RSHI_TRACE_COUNTER:
		e->value = rshi_raw_zigzag(&r->b);
		break;
	case RSHI_TRACE_TASK:
		e->task = rshi_raw_var(&r->b);
		e->parent = rshi_raw_var(&r->b);
		break;
	case RSHI_TRACE_TASK_END:
		e->task = rshi_raw_var(&r->b);
		break;
	case RSHI_TRACE_FLOW:
		*flow = rshi_raw_var(&r->b);
		e->flows = flow;
		e->n_flows = 1;
		break;
	case RSHI_TRACE_FLOW_END:
		*flow = rshi_raw_var(&r->b);
		e->ends = flow;
		e->n_ends = 1;
		break;
	case RSHI_TRACE_LOG:
		text = rshi_raw_text(&r->b);
		e->log = (const char *)r->b.p + text.at;
		e->n_log = text.n;
		e->priority = 4; /* PRIO_INFO */
		break;
	case RSHI_TRACE_THREAD:
		e->name = begins;
		e->category = ours;
		args[0] =
		        (struct rshi_perfetto_arg){maker, NULL, 0, (int64_t)rshi_raw_var(&r->b), 0};
		e->n_args = args[0].number != 0;
		break;
	case RSHI_TRACE_THREAD_END:
		e->name = ends;
		e->category = ours;
		break;
	case RSHI_TRACE_WAIT:
	case RSHI_TRACE_WAIT_END:
		args[0] = (struct rshi_perfetto_arg){address, NULL, 0, take_wait(r, e), 1};
		break;
	case RSHI_TRACE_CALL:
		args[0] = (struct rshi_perfetto_arg){address, NULL, 0, (int64_t)rshi_raw_var(&r->b),
		                                     1};
		e->n_args = 1;
		e->category = ours;
		break;
	case RSHI_TRACE_CALL_END:
		e->category = ours;
		break;
	default:
		break;
	}
}

static int put_sample(struct raw *r, uint64_t time, size_t end)
{
	struct rshi_perfetto_name functions[RSHI_TRACE_FRAMES];
	uint64_t n = rshi_raw_var(&r->b);

	if (n > RSHI_TRACE_FRAMES)
		return EBADMSG;
	for (uint64_t i = 0; i < n; i++)
		functions[i] = take_name(r);
	if (r->b.broken || r->b.at > end)
		return EBADMSG;
	return rshi_perfetto_sample(r->out, time, functions, (size_t)n);
}

/* The events of a batch, up to @end. */
static int put_batch(struct raw *r, const struct rshi_trace_batch *batch, size_t end)
{
	const struct rshi_perfetto_thread thread = {batch->tid, batch->thread,
	                                            rshi_raw_length16(batch->thread)};
	uint64_t ticks = batch->start;
	int err = 0;

	/* A sequence goes on only in order, and its thread keeps its name. */
	if (r->tid != batch->tid || batch->start < r->last ||
	    !rshi_raw_same16(r->thread, batch->thread))
		err = rshi_perfetto_thread(r->out, &thread, time_of(r, ticks));
	r->tid = batch->tid;
	rsh_memcpy_sig(r->thread, batch->thread, sizeof(r->thread));
	while (r->b.at < end && !err) {
		unsigned int kind = r->b.p[r->b.at++];
		struct rshi_perfetto_arg args[2];
		struct rshi_perfetto_event e = {.category = {NULL, 0, 0}};
		uint64_t flow;

		ticks += rshi_raw_var(&r->b);
		if (!kind || kind >= RSHI_TRACE_KINDS)
			return EBADMSG;
		if (kind == RSHI_TRACE_SAMPLE) {
			err = put_sample(r, time_of(r, ticks), end);
			continue;
		}
		take_event(r, kind, &e, args, &flow);
		if (r->b.broken || r->b.at > end)
			return EBADMSG;
		e.time = time_of(r, ticks);
		err = rshi_perfetto_put(r->out, &e);
	}
	r->last = ticks;
	return err;
}

static int put_losses(struct raw *r, size_t end)
{
	static const char *const reasons[RSHI_TRACE_LOST_CLASSES] = {
	        "buffers were full", "handler within a handler", "no memory for a thread",
	        "not kept by the CPU profiler"};
	int err = 0;

	while (r->b.at < end && !err) {
		uint64_t class = rshi_raw_var(&r->b), n = rshi_raw_var(&r->b);

		if (r->b.broken || r->b.at > end)
			return EBADMSG;
		if (n)
			err = rshi_perfetto_lost(
			        r->out, r->tail.end.monotonic,
			        class < RSHI_TRACE_LOST_CLASSES ? reasons[class] : "other", n);
	}
	return err;
}

/* Look at all blocks of a type, from @at to @end. */
static int each_block(struct raw *r, size_t at, size_t end, int type)
{
	struct rshi_trace_block block;
	struct rshi_trace_batch batch;
	int err = 0;

	for (; at < end && !err; at += block.length) {
		if (!rshi_raw_get(&r->b, at, &block, sizeof(block)))
			return EBADMSG;
		if (block.type != type)
			continue;
		r->b.at = at + sizeof(block);
		if (type == RSHI_TRACE_NAMES) {
			err = note_names(r, at + block.length);
		} else if (type == RSHI_TRACE_LOSSES) {
			err = put_losses(r, at + block.length);
		} else {
			if (block.length < sizeof(batch) ||
			    !rshi_raw_get(&r->b, at, &batch, sizeof(batch)))
				return EBADMSG;
			r->b.at = at + sizeof(batch);
			err = put_batch(r, &batch, at + block.length);
		}
	}
	return err;
}

static int put_generation(struct raw *r, size_t at, size_t end, const struct rsh_writer *writer)
{
	const struct rshi_perfetto_clocks clocks = {
	        .monotonic = r->header.begin.monotonic,
	        .realtime = r->header.begin.realtime,
	};
	int err;

	r->out->places.used = 0;
	if (r->out->places.p)
		rsh_memset_sig(r->out->places.p, 0, r->out->places.size);
	set_rate(r);
	r->tid = 0;
	err = each_block(r, at, end, RSHI_TRACE_NAMES);
	if (err)
		return err;
	err = rshi_perfetto_begin(r->out, r->header.generation, &clocks, writer);
	if (!err)
		err = each_block(r, at, end, RSHI_TRACE_BATCH);
	/* Losses are of the process, behind what is of threads. */
	if (!err)
		err = each_block(r, at, end, RSHI_TRACE_LOSSES);
	return err ? err
	           : rshi_perfetto_end(r->out, r->tail.end.monotonic, r->tail.events, r->tail.lost,
	                               (r->tail.block.flags & RSHI_TRACE_LAST) != 0);
}

int rshi_perfetto_raw(struct rshi_perfetto *p, const unsigned char *bytes, size_t n,
                      const struct rsh_writer *writer, size_t *used)
{
	struct raw r = {.out = p, .b = {.p = bytes, .n = n}};
	size_t at = 0, end = 0;
	int err = 0;

	while (at < n) {
		err = find_end(&r, at, &end);
		if (!err)
			err = put_generation(&r, at, end, writer);
		if (err)
			break;
		at = end;
	}
	*used = at;
	return err == ENODATA ? 0 : err;
}
