/* SPDX-License-Identifier: BSD-2-Clause */
/* Generations and batches: what stands before events and behind them. */

#include <errno.h>

#include <raceshim/raceshim.h>

#include "core/sys.h"
#include "perfetto_packet.h"
#include "utf8.h"

static uint64_t mixed(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ b * UINT64_C(0x9e3779b97f4a7c15)) + UINT64_C(0x632be59bd9b4e019);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t rshi_perfetto_track(const struct rshi_perfetto *p, uint64_t kind, uint64_t number)
{
	return mixed(mixed(p->track, kind), number) >> 8 | 1;
}

void rshi_perfetto_text(struct rshi_message *m, unsigned int field, const char *text, size_t n,
                        size_t max)
{
	size_t whole = rshi_utf8_valid(text, rshi_perfetto_min(n, max));

	if (n <= max || max - whole > 3)
		whole = rshi_perfetto_min(n, max);
	rshi_add_bytes(m, field, text, whole);
	rshi_utf8_repair((char *)m->bytes + m->n - whole, whole);
}

void rshi_perfetto_send(struct rshi_perfetto *p)
{
	if (!p->err && p->out.n)
		p->err = p->writer->write(p->writer->arg, p->bytes, p->out.n);
	p->out.n = 0;
}

void rshi_perfetto_open(struct rshi_perfetto *p, uint64_t flags)
{
	if (p->out.n > RSHI_PERFETTO_BUFFER - RSHI_PERFETTO_PACKET_MAX)
		rshi_perfetto_send(p);
	p->packet = rshi_message_open(&p->out, TRACE_PACKET);
	rshi_add_number(&p->out, PACKET_SEQUENCE, p->sequence);
	rshi_add_number(&p->out, PACKET_FLAGS, flags);
}

int rshi_perfetto_close(struct rshi_perfetto *p)
{
	rshi_message_close(&p->out, p->packet);
	return p->err;
}

static void add_clock(struct rshi_message *m, uint64_t id, uint64_t time)
{
	size_t clock;

	if (!time)
		return;
	clock = rshi_message_open(m, SNAPSHOT_CLOCK);
	rshi_add_number(m, CLOCK_ID, id);
	rshi_add_number(m, CLOCK_TIME, time);
	if (id == SINCE_LAST_ONE)
		rshi_add_number(m, CLOCK_INCREMENTAL, 1);
	rshi_message_close(m, clock);
}

/* Begin a sequence anew, by whose clock later packets are, on a track if that is not 0. */
static int put_start(struct rshi_perfetto *p, uint64_t clock, uint64_t track,
                     const struct rshi_perfetto_clocks *clocks)
{
	struct rshi_message *m = &p->out;
	size_t part, inner;

	rshi_perfetto_open(p, CLEARED);
	rshi_add_number(m, PACKET_TIMESTAMP, clocks->monotonic);
	rshi_add_number(m, PACKET_CLOCK, MONOTONIC);
	part = rshi_message_open(m, PACKET_DEFAULTS);
	rshi_add_number(m, DEFAULTS_CLOCK, clock);
	if (track) {
		inner = rshi_message_open(m, DEFAULTS_EVENT);
		rshi_add_number(m, EVENT_DEFAULTS_TRACK, track);
		rshi_message_close(m, inner);
	}
	rshi_message_close(m, part);
	part = rshi_message_open(m, PACKET_CLOCK_SNAPSHOT);
	rshi_add_number(m, SNAPSHOT_PRIMARY, MONOTONIC);
	add_clock(m, MONOTONIC, clocks->monotonic);
	add_clock(m, BOOTTIME, clocks->boottime);
	add_clock(m, REALTIME, clocks->realtime);
	if (clock == SINCE_LAST_ONE)
		add_clock(m, SINCE_LAST_ONE, clocks->monotonic);
	rshi_message_close(m, part);
	return rshi_perfetto_close(p);
}

size_t rshi_perfetto_open_track(struct rshi_perfetto *p, uint64_t track, uint64_t parent)
{
	size_t part;

	rshi_perfetto_open(p, NEEDS_STATE);
	part = rshi_message_open(&p->out, PACKET_TRACK);
	rshi_add_number(&p->out, TRACK_UUID, track);
	if (parent)
		rshi_add_number(&p->out, TRACK_PARENT, parent);
	return part;
}

int rshi_perfetto_close_track(struct rshi_perfetto *p, size_t part)
{
	rshi_message_close(&p->out, part);
	return rshi_perfetto_close(p);
}

int rshi_perfetto_create(const struct rshi_perfetto_process *process,
                         struct rshi_perfetto **encoder)
{
	struct rshi_perfetto *p;
	void *memory;

	if (rshi_mmap_sig(sizeof(*p), &memory))
		return ENOMEM;
	p = memory;
	p->pid = process->pid;
	p->track = mixed((uint32_t)process->pid, process->start) >> 8 | 1;
	p->n_name = rshi_perfetto_min(process->n_name, sizeof(p->name));
	rsh_memcpy_sig(p->name, process->name, p->n_name);
	p->n_command =
	        process->command ? rshi_perfetto_min(process->n_command, sizeof(p->command)) : 0;
	rsh_memcpy_sig(p->command, process->command, p->n_command);
	p->out.bytes = p->bytes;
	*encoder = p;
	return 0;
}

void rshi_perfetto_destroy(struct rshi_perfetto *p)
{
	if (!p)
		return;
	rshi_grow_free(&p->names);
	rshi_grow_free(&p->places);
	rshi_munmap_sig(p, sizeof(*p));
}

static void add_command(struct rshi_perfetto *p)
{
	size_t start = 0;

	for (size_t i = 0; i < p->n_command; i++) {
		if (p->command[i])
			continue;
		rshi_perfetto_text(&p->out, PROCESS_COMMAND, p->command + start, i - start,
		                   i - start);
		start = i + 1;
	}
	if (start < p->n_command)
		rshi_perfetto_text(&p->out, PROCESS_COMMAND, p->command + start,
		                   p->n_command - start, p->n_command - start);
}

int rshi_perfetto_begin(struct rshi_perfetto *p, uint64_t number,
                        const struct rshi_perfetto_clocks *clocks, const struct rsh_writer *writer)
{
	struct rshi_message *m = &p->out;
	size_t part, inner;

	p->writer = writer;
	p->err = writer && writer->write ? 0 : RSH_ENOWRITER;
	p->number = number;
	p->sequence = RSHI_PERFETTO_OF_PROCESS;
	p->batch++;
	m->n = 0;
	put_start(p, MONOTONIC, 0, clocks);
	part = rshi_perfetto_open_track(p, p->track, 0);
	inner = rshi_message_open(m, TRACK_PROCESS);
	rshi_add_number(m, PROCESS_PID, (uint64_t)p->pid);
	rshi_perfetto_text(m, PROCESS_NAME, p->name, p->n_name, p->n_name);
	add_command(p);
	rshi_message_close(m, inner);
	rshi_perfetto_close_track(p, part);
	part = rshi_perfetto_open_track(p, rshi_perfetto_track(p, TRACER, 0), p->track);
	rshi_perfetto_text(m, TRACK_NAME, "raceshim", 8, 8);
	return rshi_perfetto_close_track(p, part);
}

int rshi_perfetto_thread(struct rshi_perfetto *p, const struct rshi_perfetto_thread *thread,
                         uint64_t time)
{
	struct rshi_perfetto_clocks clocks = {.monotonic = time ? time : 1};
	uint64_t track = rshi_perfetto_track(p, THREAD, thread->tid);
	struct rshi_message *m = &p->out;
	size_t part, inner;

	p->sequence = RSHI_PERFETTO_OF_PROCESS + thread->tid;
	p->batch++;
	p->time = clocks.monotonic;
	p->logged = 0;
	p->sampled = 0;
	p->tid = thread->tid;
	put_start(p, SINCE_LAST_ONE, track, &clocks);
	part = rshi_perfetto_open_track(p, track, p->track);
	inner = rshi_message_open(m, TRACK_THREAD);
	rshi_add_number(m, THREAD_PID, (uint64_t)p->pid);
	rshi_add_number(m, THREAD_TID, thread->tid);
	if (thread->name)
		rshi_perfetto_text(m, THREAD_NAME, thread->name, thread->n_name,
		                   RSHI_PERFETTO_NAME_MAX);
	rshi_message_close(m, inner);
	return rshi_perfetto_close_track(p, part);
}

/* An instant on the track of the tracer itself, at which nothing stands but packets of its own. */
static int put_message(struct rshi_perfetto *p, uint64_t time,
                       const struct rshi_perfetto_name *name, const struct rshi_perfetto_arg *args,
                       size_t n)
{
	const struct rshi_perfetto_name category = RSHI_PERFETTO_NAME("raceshim");
	struct rshi_message *m = &p->out;
	size_t part;

	p->sequence = RSHI_PERFETTO_OF_PROCESS;
	rshi_perfetto_open(p, NEEDS_STATE);
	rshi_add_number(m, PACKET_TIMESTAMP, time);
	part = rshi_message_open(m, PACKET_EVENT);
	rshi_add_number(m, EVENT_TYPE, RSHI_PERFETTO_INSTANT);
	rshi_add_number(m, EVENT_TRACK, rshi_perfetto_track(p, TRACER, 0));
	rshi_perfetto_refer(m, EVENT_NAME_ID, EVENT_NAME, name);
	rshi_perfetto_refer(m, EVENT_CATEGORY_ID, EVENT_CATEGORY, &category);
	for (size_t i = 0; i < n; i++)
		rshi_perfetto_add_arg(m, &args[i]);
	rshi_message_close(m, part);
	return rshi_perfetto_close(p);
}

int rshi_perfetto_lost(struct rshi_perfetto *p, uint64_t time, const char *kind, uint64_t n)
{
	const struct rshi_perfetto_name name = RSHI_PERFETTO_NAME("lost events");
	struct rshi_perfetto_arg args[] = {
	        {.name = RSHI_PERFETTO_NAME("events"), .number = (int64_t)n},
	        {.name = RSHI_PERFETTO_NAME("reason"), .text = kind},
	};

	while (kind[args[1].n]) {
		args[1].n++;
		__asm__ volatile("" : "+r"(args[1].n)); /* or compilers see a strlen */
	}
	return put_message(p, time, &name, args, 2);
}

int rshi_perfetto_end(struct rshi_perfetto *p, uint64_t time, uint64_t events, uint64_t lost,
                      int is_last)
{
	const struct rshi_perfetto_name name = RSHI_PERFETTO_NAME("generation");
	const struct rshi_perfetto_arg args[] = {
	        {.name = RSHI_PERFETTO_NAME("number"), .number = (int64_t)p->number},
	        {.name = RSHI_PERFETTO_NAME("events"), .number = (int64_t)events},
	        {.name = RSHI_PERFETTO_NAME("lost"), .number = (int64_t)lost},
	        {.name = RSHI_PERFETTO_NAME("last"), .number = is_last},
	};

	put_message(p, time, &name, args, 4);
	rshi_perfetto_send(p);
	return p->err;
}
