/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <raceshim/trace.h>

#include "check.h"
#include "trace/flight.h"
#include "trace_reading.h"

#define NAMES 4096

struct names {
	char *text[NAMES];
};

struct batch {
	const struct rshi_trace_batch *at;
};

static uint64_t get_var(const unsigned char **p, const unsigned char *end)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		CHECK(*p < end);
		v |= (uint64_t)(**p & 0x7f) << shift;
		if (!(*(*p)++ & 0x80))
			return v;
	}
	CHECK(!"a number of at most ten bytes");
	return 0;
}

static uint64_t get_zigzag(const unsigned char **p, const unsigned char *end)
{
	uint64_t v = get_var(p, end);

	return v >> 1 ^ (0 - (v & 1));
}

static int by_thread_and_start(const void *left, const void *right)
{
	const struct rshi_trace_batch *a = ((const struct batch *)left)->at;
	const struct rshi_trace_batch *b = ((const struct batch *)right)->at;

	if (a->tid != b->tid)
		return a->tid < b->tid ? -1 : 1;
	if (a->block.flags != b->block.flags)
		return a->block.flags < b->block.flags ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	/* One without room for its first event is before the one that has it. */
	return a->events < b->events ? -1 : a->events > b->events;
}

static void read_names(struct names *names, const unsigned char *p, const unsigned char *end)
{
	while (p < end) {
		uint64_t number = get_var(&p, end), n = get_var(&p, end);

		CHECK(number > 0 && number < NAMES);
		CHECK(!names->text[number]);
		CHECK(n <= RSHI_TRACE_TEXT && n <= (uint64_t)(end - p));
		names->text[number] = calloc(1, n + 1);
		memcpy(names->text[number], p, n);
		p += n;
	}
}

static const char *get_name(const unsigned char **p, const unsigned char *end,
                            const struct names *names)
{
	uint64_t name = get_var(p, end);

	CHECK(name < NAMES && (!name || names->text[name]));
	return name ? names->text[name] : "?";
}

/* What follows a name, or what stands there instead. */
static void read_values(const unsigned char **p, const unsigned char *end, struct trace_event *e,
                        const struct names *names)
{
	switch (e->kind) {
	case RSHI_TRACE_INSTANT_2:
		e->a = get_zigzag(p, end);
		e->b = get_zigzag(p, end);
		break;
	case RSHI_TRACE_INSTANT_1:
	case RSHI_TRACE_COUNTER:
		e->a = get_zigzag(p, end);
		break;
	case RSHI_TRACE_TASK:
	case RSHI_TRACE_WAIT:
	case RSHI_TRACE_WAIT_END:
		e->a = get_var(p, end);
		e->b = get_var(p, end);
		break;
	case RSHI_TRACE_TASK_END:
	case RSHI_TRACE_FLOW:
	case RSHI_TRACE_FLOW_END:
	case RSHI_TRACE_THREAD:
		e->a = get_var(p, end);
		break;
	case RSHI_TRACE_CALL:
		e->b = get_var(p, end);
		break;
	case RSHI_TRACE_LOG:
		e->length = get_var(p, end);
		CHECK(e->length <= RSHI_TRACE_TEXT && e->length <= (size_t)(end - *p));
		e->text = (const char *)*p;
		*p += e->length;
		break;
	case RSHI_TRACE_SAMPLE:
		e->a = get_var(p, end);
		CHECK(e->a <= RSHI_TRACE_FRAMES);
		for (uint64_t i = 0; i < e->a; i++)
			e->frames[i] = get_name(p, end, names);
		break;
	default:
		break;
	}
}

static void read_event(const unsigned char **p, const unsigned char *end, struct trace_event *e,
                       const struct names *names, uint64_t last)
{
	uint64_t delta;

	CHECK(*p < end);
	e->kind = *(*p)++;
	CHECK(e->kind >= RSHI_TRACE_INSTANT && e->kind < RSHI_TRACE_KINDS);
	delta = get_var(p, end);
	CHECK(delta > 0);
	e->time = last + delta;
	CHECK(e->time > last);
	e->name = "";
	e->a = 0;
	e->b = 0;
	e->text = NULL;
	e->length = 0;
	if (e->kind < RSHI_TRACE_THREAD || e->kind >= RSHI_TRACE_CALL)
		e->name = get_name(p, end, names);
	read_values(p, end, e, names);
}

static uint64_t read_batch(struct trace_reading *r, const struct rshi_trace_batch *batch,
                           const struct names *names)
{
	const unsigned char *p = (const unsigned char *)(batch + 1);
	const unsigned char *end = (const unsigned char *)batch + batch->block.length;
	struct trace_event e;
	uint64_t last = batch->start;

	e.generation = batch->generation;
	e.tid = batch->tid;
	e.is_nested = batch->block.flags & (RSHI_TRACE_NESTED | RSHI_TRACE_NOTED);
	memcpy(e.thread, batch->thread, sizeof(e.thread));
	for (uint32_t i = 0; i < batch->events; i++) {
		read_event(&p, end, &e, names, last);
		last = e.time;
		if (r->see)
			r->see(r->arg, &e);
	}
	CHECK(p == end);
	r->nested += e.is_nested ? batch->events : 0;
	return last;
}

static void read_batches(struct trace_reading *r, struct batch *batches, size_t n,
                         const struct names *names)
{
	uint64_t last = 0;

	qsort(batches, n, sizeof(*batches), by_thread_and_start);
	for (size_t i = 0; i < n; i++) {
		const struct rshi_trace_batch *batch = batches[i].at;
		const struct rshi_trace_batch *before = i ? batches[i - 1].at : NULL;

		if (before && before->tid == batch->tid &&
		    before->block.flags == batch->block.flags)
			CHECK(batch->start >= last);
		last = read_batch(r, batch, names);
	}
	r->batches += n;
}

static void read_losses(struct trace_reading *r, const unsigned char *p, const unsigned char *end,
                        uint64_t *lost)
{
	while (p < end) {
		uint64_t why = get_var(&p, end), n = get_var(&p, end);

		CHECK(why < RSHI_TRACE_LOST_CLASSES);
		r->lost_by[why] += n;
		*lost += n;
	}
}

static void check_header(struct trace_reading *r, const struct rshi_trace_header *h)
{
	CHECK_EQ(h->block.length, sizeof(*h));
	CHECK(!memcmp(h->magic, RSHI_TRACE_MAGIC, sizeof(h->magic)));
	CHECK_EQ(h->version, RSHI_TRACE_VERSION);
	CHECK(h->unit == RSHI_TRACE_NS || h->unit == RSHI_TRACE_TSC);
	CHECK(h->begin.ticks && h->begin.monotonic && h->begin.realtime);
	if (!r->first || r->is_over)
		r->first = h->generation;
	else
		CHECK_EQ(h->generation, r->last + 1);
	r->last = h->generation;
	r->is_over = 0;
	r->unit = h->unit;
}

/* From its header to its tail. */
static void read_generation(struct trace_reading *r)
{
	const unsigned char *p = r->bytes, *end = p + r->n;
	const struct rshi_trace_header *h = (const struct rshi_trace_header *)p;
	struct names *names = calloc(1, sizeof(*names));
	struct batch *batches =
	        calloc(r->n / sizeof(struct rshi_trace_batch) + 1, sizeof(*batches));
	uint64_t events = 0, lost = 0;
	size_t n = 0;

	check_header(r, h);
	for (p += h->block.length; p < end;) {
		struct rshi_trace_block block;
		const struct rshi_trace_tail *tail = (const void *)p;
		const struct rshi_trace_batch *batch = (const void *)p;

		memcpy(&block, p, sizeof(block));
		switch (block.type) {
		case RSHI_TRACE_BATCH:
			CHECK_EQ(batch->generation, h->generation);
			CHECK(batch->tid && !batch->thread[15]);
			events += batch->events;
			batches[n++].at = batch;
			break;
		case RSHI_TRACE_NAMES:
			read_names(names, p + sizeof(block), p + block.length);
			break;
		case RSHI_TRACE_LOSSES:
			read_losses(r, p + sizeof(block), p + block.length, &lost);
			break;
		default:
			CHECK_EQ(block.type, RSHI_TRACE_TAIL);
			CHECK_EQ(block.length, sizeof(*tail));
			CHECK_EQ(tail->generation, h->generation);
			CHECK_EQ(tail->mark, RSHI_TRACE_END);
			CHECK_EQ(tail->events, events);
			CHECK_EQ(tail->lost, lost);
			CHECK(tail->end.monotonic >= h->begin.monotonic);
			CHECK(tail->end.ticks >= h->begin.ticks);
			r->is_over = block.flags & RSHI_TRACE_LAST;
			CHECK(p + block.length == end);
		}
		p += block.length;
	}
	read_batches(r, batches, n, names);
	r->events += events;
	r->lost += lost;
	r->generations++;
	for (size_t i = 0; i < NAMES; i++)
		free(names->text[i]);
	free(names);
	free(batches);
}

void trace_feed(struct trace_reading *r, const void *bytes, size_t n)
{
	int is_complete = 0;

	if (r->n + n > r->room) {
		r->room = 2 * (r->n + n);
		r->bytes = realloc(r->bytes, r->room);
		CHECK(r->bytes);
	}
	memcpy(r->bytes + r->n, bytes, n);
	r->n += n;
	while (r->done < r->n) {
		struct rshi_trace_block block;

		CHECK(!is_complete);
		CHECK(r->n - r->done >= sizeof(block));
		memcpy(&block, r->bytes + r->done, sizeof(block));
		CHECK(block.length >= sizeof(block) && block.length <= r->n - r->done);
		CHECK_EQ(block.reserved, 0);
		CHECK_EQ(block.type == RSHI_TRACE_HEADER, r->done == 0);
		r->done += block.length;
		is_complete = block.type == RSHI_TRACE_TAIL;
	}
	if (!is_complete)
		return;
	read_generation(r);
	if (r->whole)
		r->whole(r->whole_arg, r->bytes, r->n);
	r->n = 0;
	r->done = 0;
}

void trace_read_generations(struct trace_reading *r, uint64_t generations)
{
	const void *data;
	size_t n;

	while (r->generations < generations) {
		CHECK_EQ(rsh_trace_read(&data, &n), 0);
		CHECK(data && n);
		trace_feed(r, data, n);
	}
}

void trace_read_all(struct trace_reading *r)
{
	const void *data;
	size_t n;

	for (;;) {
		CHECK_EQ(rsh_trace_read(&data, &n), 0);
		if (!data)
			break;
		trace_feed(r, data, n);
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(r->n, 0);
	CHECK(r->is_over);
}

void trace_read_dump(struct trace_reading *r)
{
	struct rshi_trace_block block;
	int fd = memfd_create("dump", 0);
	unsigned char *bytes;
	off_t size;

	CHECK(fd >= 0);
	CHECK_EQ(rshi_flight_dump_sig(fd), 0);
	size = lseek(fd, 0, SEEK_END);
	bytes = malloc((size_t)size);
	CHECK(bytes);
	CHECK_EQ(pread(fd, bytes, (size_t)size, 0), size);
	for (off_t at = 0; at < size; at += block.length) {
		CHECK(size - at >= (off_t)sizeof(block));
		memcpy(&block, bytes + at, sizeof(block));
		CHECK(block.length <= size - at);
		trace_feed(r, bytes + at, block.length);
	}
	CHECK(r->is_over);
	free(bytes);
	CHECK_EQ(close(fd), 0);
}

void trace_forget(struct trace_reading *r)
{
	free(r->bytes);
	memset(r, 0, sizeof(*r));
}
