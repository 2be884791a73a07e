/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trace of all that the flight recorder knows, at this moment and without waiting for anybody: for
 * a process that is about to die, or whose detector makes a report and holds its locks meanwhile.
 *
 * Complete generations are there. The present one goes on, and so may one that ends while somebody
 * waits for a thread that will never leave its section: what threads have in their buffers is copied
 * while they write on behind it. With the trace lock nobody takes a buffer away.
 */

#include <asm/unistd.h>
#include <linux/errno.h>

#include <raceshim/sigsafe.h>

#include "blocks.h"
#include "buffers_engine.h"
#include "core/files.h"
#include "flight.h"

#define NS_PER_S  1000000000u
#define MONOTONIC 1
#define REALTIME  0
#define GOING     2u         /* generations that may not be complete */
#define NAMES     (2u << 20) /* more than all names take, with their losses and tail */
#define SPARE     16u        /* buffers that threads take meanwhile */
#define TRIES     100        /* looks at a lane whose thread is on its way to another buffer */

struct piece {
	const unsigned char *p;
	size_t n;
};

/* A generation that is not complete: what is kept of it, full buffers, lanes, names and end. */
struct going {
	struct rshi_kept *kept;
	struct piece pieces[4];
	uint64_t events;
};

struct dump {
	unsigned char *memory; /* for copies */
	size_t size, used;
	uint32_t *seen; /* buffers of a generation that are copied as somebody's lane */
	uint32_t n_seen, most_seen;
	uint64_t dropped; /* events for which there was no room */
	int is_taken;     /* what follows */
	struct rshi_kept *first, *last;
	struct going going[GOING];
};

static unsigned char *room(struct dump *d, size_t n)
{
	if (n > d->size - d->used)
		return NULL;
	d->used += n;
	return d->memory + d->used - n;
}

/* Behind the var at @p; NULL if it does not end before @end. */
static const unsigned char *skip_var(const unsigned char *p, const unsigned char *end, uint64_t *v)
{
	*v = 0;
	for (uint32_t shift = 0; p && p < end && shift < 64; shift += 7) {
		*v |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p++ & 0x80))
			return p;
	}
	return NULL;
}

/* Behind the event at @p; NULL if it does not end before @end, or nobody knows what it is. */
static const unsigned char *skip_event(const unsigned char *p, const unsigned char *end)
{
	/* How many vars an event has behind its time. */
	static const unsigned char vars[RSHI_TRACE_KINDS] = {
	        [RSHI_TRACE_INSTANT] = 1,  [RSHI_TRACE_INSTANT_1] = 2,  [RSHI_TRACE_INSTANT_2] = 3,
	        [RSHI_TRACE_REGION] = 1,   [RSHI_TRACE_REGION_END] = 1, [RSHI_TRACE_COUNTER] = 2,
	        [RSHI_TRACE_TASK] = 3,     [RSHI_TRACE_TASK_END] = 2,   [RSHI_TRACE_FLOW] = 2,
	        [RSHI_TRACE_FLOW_END] = 2, [RSHI_TRACE_LOG] = 2,        [RSHI_TRACE_THREAD] = 1,
	        [RSHI_TRACE_WAIT] = 2,     [RSHI_TRACE_WAIT_END] = 2,   [RSHI_TRACE_SAMPLE] = 1,
	        [RSHI_TRACE_CALL] = 2,     [RSHI_TRACE_CALL_END] = 1,
	};
	uint32_t kind = *p++;
	uint64_t v = 0;

	_Static_assert(RSHI_TRACE_KINDS == 19, "a new kind has to be known here");
	if (!kind || kind >= RSHI_TRACE_KINDS)
		return NULL;
	for (uint32_t i = 0; i <= vars[kind]; i++)
		p = skip_var(p, end, &v);
	for (uint64_t names = v, name; p && kind == RSHI_TRACE_SAMPLE && names; names--)
		p = skip_var(p, end, &name);
	if (p && kind == RSHI_TRACE_LOG)
		p = v <= (uint64_t)(end - p) ? p + v : NULL;
	return p;
}

/* The batch at @at, which ends before @end, gets its length and the number of its events. */
static size_t close_batch(unsigned char *at, const unsigned char *end, uint64_t *events)
{
	const unsigned char *p = at + sizeof(struct rshi_trace_batch), *next;
	struct rshi_trace_batch *batch = (struct rshi_trace_batch *)at;
	uint32_t n = 0;

	for (; p < end; p = next, n++) {
		next = skip_event(p, end);
		if (!next)
			break;
	}
	batch->events = n;
	batch->block.length = (uint32_t)(p - at);
	*events += n;
	return n ? batch->block.length : 0;
}

/* How many of the @n bytes at @p are batches that are complete. */
static size_t count_closed(const unsigned char *p, size_t n, uint64_t *events)
{
	size_t at = 0;

	while (n - at >= sizeof(struct rshi_trace_batch)) {
		const struct rshi_trace_batch *batch = (const struct rshi_trace_batch *)(p + at);

		if (batch->block.type != RSHI_TRACE_BATCH || batch->block.length > n - at ||
		    batch->block.length < sizeof(*batch))
			break;
		*events += batch->events;
		at += batch->block.length;
	}
	return at;
}

/*
 * Where a thread is in its lane. 1 with a buffer, whose bytes before @p are there, and where the open
 * batch begins; 0 if it has none; -1 while it goes from one to the next.
 */
static int look_at(const struct rshi_trace_lane *lane, uint32_t *buffer, size_t *batch, size_t *n)
{
	const struct rshi_trace_buffers *b = &rshi_trace_sig.buffers;
	/* [TL2] acquire, pairs with [TL1]: what is before it. */
	uintptr_t p = (uintptr_t)__atomic_load_n(&lane->p, __ATOMIC_ACQUIRE);
	uintptr_t open = (uintptr_t)__atomic_load_n(&lane->batch, __ATOMIC_RELAXED), start;

	*buffer = __atomic_load_n(&lane->buffer, __ATOMIC_RELAXED);
	if (!*buffer || *buffer > b->n)
		return *buffer ? -1 : 0;
	start = (uintptr_t)rshi_buffer_memory(b, *buffer);
	if (open < start || p < open + sizeof(struct rshi_trace_batch) ||
	    p > start + RSHI_TRACE_BUFFER)
		return -1;
	*batch = open - start;
	*n = p - start;
	return 1;
}

/* What a thread has in its lane. */
static void copy_lane(struct dump *d, struct going *to, const struct rshi_trace_lane *lane)
{
	const struct rshi_trace_buffers *b = &rshi_trace_sig.buffers;
	size_t batch = 0, n = 0, closed;
	uint64_t events = 0;
	uint32_t buffer;
	unsigned char *copy;
	int found = look_at(lane, &buffer, &batch, &n);

	for (int i = 0; found < 0 && i < TRIES; i++) {
		rshi_call_sig(__NR_sched_yield, 0, 0, 0, 0, 0);
		found = look_at(lane, &buffer, &batch, &n);
	}
	if (!found || buffer > b->n || d->n_seen == d->most_seen)
		return;
	/* It stands still in between: what it has written so far is all in batches that are complete. */
	if (found < 0)
		n = batch = b->meta[buffer - 1].used;
	if (n > RSHI_TRACE_BUFFER)
		return;
	copy = room(d, n);
	if (!copy) {
		d->dropped += lane->events;
		return;
	}
	d->seen[d->n_seen++] = buffer;
	rsh_memcpy_sig(copy, rshi_buffer_memory(b, buffer), n);
	closed = count_closed(copy, batch, &events);
	if (closed == batch && n > batch)
		closed += close_batch(copy + batch, copy + n, &events);
	d->used -= n - closed;
	to->events += events;
}

static int is_seen(const struct dump *d, uint32_t buffer)
{
	for (uint32_t i = 0; i < d->n_seen; i++)
		if (d->seen[i] == buffer)
			return 1;
	return 0;
}

static uint32_t before(uint32_t buffer)
{
	return __atomic_load_n(&rshi_trace_sig.buffers.meta[buffer - 1].next, __ATOMIC_RELAXED);
}

/*
 * Whether a full buffer is copied as such. Not if it has been as a lane; nor if it became full after
 * its lane was copied, since what the lane got meanwhile is not there.
 */
static int is_wanted(const struct dump *d, uint32_t buffer)
{
	const struct rshi_trace_meta *meta = rshi_trace_sig.buffers.meta;

	for (uint32_t i = buffer; i; i = before(i))
		if (meta[i - 1].lane == meta[buffer - 1].lane && is_seen(d, i))
			return 0;
	return 1;
}

/* Buffers that nobody has taken away since they became full; the last one is the first in the list. */
static void copy_full(struct dump *d, struct going *to, uint64_t number)
{
	const struct rshi_trace_buffers *b = &rshi_trace_sig.buffers;
	/* [TB4] acquire, pairs with [TB3]: what is in the buffers. */
	uint32_t list = __atomic_load_n(&b->full[number & 1], __ATOMIC_ACQUIRE);
	struct piece *piece = &to->pieces[1];
	size_t total = 0;
	unsigned char *p;

	for (uint32_t i = list; i; i = before(i))
		total += is_wanted(d, i) ? b->meta[i - 1].used : 0;
	p = room(d, total);
	piece->p = p;
	piece->n = p ? total : 0;
	for (uint32_t i = list; i; i = before(i)) {
		const struct rshi_trace_meta *meta = &b->meta[i - 1];

		if (!is_wanted(d, i))
			continue;
		if (!p) {
			d->dropped += meta->events;
			continue;
		}
		total -= meta->used;
		rsh_memcpy_sig(p + total, rshi_buffer_memory(b, i), meta->used);
		to->events += meta->events;
	}
}

static void read_clocks(struct rshi_trace_clock *now)
{
	now->ticks = rshi_trace_ticks_sig();
	now->monotonic = rshi_trace_clock_sig(MONOTONIC);
	now->realtime = rshi_trace_clock_sig(REALTIME);
}

/* Names, losses and the end of a generation; @next is the one after it, or NULL. */
static void put_end(struct dump *d, struct going *to, const struct rshi_generation *g,
                    const struct rshi_generation *next)
{
	const struct rshi_trace_session *session = &rshi_session_trace;
	struct rshi_names_cursor names;
	struct rshi_generation now;
	struct piece *piece = &to->pieces[3];
	unsigned char *p = room(d, NAMES);
	size_t n;

	if (!p)
		return;
	rsh_memcpy_sig(&now, g, sizeof(now));
	now.events += to->events;
	if (!g->is_over) {
		if (next)
			rsh_memcpy_sig(&now.end, &next->begin, sizeof(now.end));
		else
			read_clocks(&now.end);
		/* Those since the one before, which may have to go on to the next. */
		for (int i = 0; i < RSHI_TRACE_LOST_CLASSES; i++)
			now.lost[i] =
			        next ? 0
			             : __atomic_load_n(&rshi_trace_sig.lost[i], __ATOMIC_RELAXED) -
			                        session->reported[i];
	}
	/* Those that were dropped here were never among its events. */
	now.lost[RSHI_TRACE_LOST_BUFFER] += d->dropped;
	d->dropped = 0;
	piece->p = p;
	names.head = 0;
	names.next = NULL;
	do {
		n = rshi_put_names_sig(p, (size_t)(d->memory + d->used - p) - RSHI_TAIL_ROOM,
		                       &names);
		p += n;
	} while (n);
	p += rshi_put_tail_sig(p, &now, next ? 0 : RSHI_TRACE_LAST, to->kept->dropped);
	piece->n = (size_t)(p - piece->p);
	d->used = (size_t)(p - d->memory);
}

/* With the trace lock: a generation that is not complete. */
static void copy_going(struct dump *d, struct going *to, uint64_t number,
                       const struct rshi_generation *next)
{
	struct rshi_generation *g = rshi_generation_of(&rshi_session_trace, number);
	struct rshi_flight *f = &rshi_flight_sig;
	struct rshi_kept *k = f->open[number & 1];
	size_t used;

	if (!number || g->number != number)
		return;
	if (f->ending && f->ending->number == number) {
		k = f->ending;
		used = f->ending_used;
	} else if (k && k->number == number) {
		used = k->used;
	} else {
		return;
	}
	to->kept = k;
	to->pieces[0].p = rshi_kept_bytes(k);
	to->pieces[0].n = used - sizeof(*k);
	if (!g->is_over) {
		d->n_seen = 0;
		to->pieces[2].p = d->memory + d->used;
		for (struct rshi_trace_thread *t = rshi_threads_first(&rshi_trace_sig); t;
		     t = t->next)
			for (int depth = 0; depth < RSHI_TRACE_LANES; depth++)
				copy_lane(d, to, &t->lanes[depth][number & 1]);
		to->pieces[2].n = (size_t)(d->memory + d->used - to->pieces[2].p);
		copy_full(d, to, number);
	}
	put_end(d, to, g, next);
	if (to->pieces[3].n)
		k->pins++;
	else
		to->kept = NULL;
}

static int make_room_for(struct dump *d, size_t buffers)
{
	const struct rshi_trace *s = &rshi_trace_sig;
	size_t threads = __atomic_load_n(&s->thread_count, __ATOMIC_RELAXED);
	size_t seen = RSHI_TRACE_LANES * (threads + SPARE);
	void *p;
	int err;

	d->size = buffers * RSHI_TRACE_BUFFER + GOING * (size_t)NAMES;
	err = rshi_mmap_sig(d->size + seen * sizeof(*d->seen), &p);
	if (err)
		return err;
	d->memory = p;
	d->seen = (uint32_t *)(d->memory + d->size);
	d->most_seen = (uint32_t)seen;
	return 0;
}

/* For all buffers that there are: what nothing is written to takes no memory. Or for those in use. */
static int make_room(struct dump *d)
{
	const struct rshi_trace_buffers *b = &rshi_trace_sig.buffers;

	return make_room_for(d, b->n)
	               ? make_room_for(d, __atomic_load_n(&b->in_use, __ATOMIC_RELAXED) + SPARE)
	               : 0;
}

static int lock(uint64_t *mask)
{
	struct rshi_lock *l = &rshi_session_trace.lock;

	if (rshi_lock_is_mine(l))
		return EDEADLK;
	rshi_sigblock_sig(RSHI_ASYNCHRONOUS, mask);
	if (rshi_lock_wait(l, 2 * (uint64_t)NS_PER_S))
		return 0;
	rshi_sigmask_sig(*mask);
	return EBUSY;
}

static void unlock(uint64_t mask)
{
	rshi_lock_release(&rshi_session_trace.lock);
	rshi_sigmask_sig(mask);
}

static int take(struct dump *d)
{
	const struct rshi_trace_session *session = &rshi_session_trace;
	int err_of_room = make_room(d), err;
	uint64_t mask = 0, last;

	err = lock(&mask);
	if (err)
		return err;
	last = session->last;
	d->is_taken = 1;
	d->first = rshi_kept_pin(&d->last);
	if (!err_of_room) {
		struct rshi_generation *g = rshi_generation_of(&rshi_session_trace, last);

		/* From a thread's last event back: whoever is in the later one is done with this. */
		copy_going(d, &d->going[1], last, NULL);
		copy_going(d, &d->going[0], last - 1, g);
	}
	unlock(mask);
	return err_of_room;
}

static void give_back(struct dump *d)
{
	struct rshi_kept *gone = NULL;
	uint64_t mask = 0;

	/* Without the lock it stays: the process is not well. */
	if (d->is_taken && !lock(&mask)) {
		gone = rshi_kept_unpin(d->first, d->last, NULL);
		for (uint32_t i = 0; i < GOING; i++) {
			struct rshi_kept *k = d->going[i].kept;

			if (k && !--k->pins && k->is_forgotten) {
				k->next = gone;
				gone = k;
			}
		}
		unlock(mask);
	}
	rshi_kept_unmap(gone);
	if (d->memory)
		rshi_munmap_sig(d->memory, d->size + d->most_seen * sizeof(*d->seen));
}

static int put(const struct dump *d, int fd)
{
	int err = 0;

	for (struct rshi_kept *k = d->first; k && !err; k = k == d->last ? NULL : k->next)
		err = rshi_write_sig(fd, rshi_kept_bytes(k), rshi_kept_count(k));
	for (uint32_t i = 0; i < GOING; i++)
		for (uint32_t j = 0; d->going[i].kept && j < 4 && !err; j++)
			err = rshi_write_sig(fd, d->going[i].pieces[j].p, d->going[i].pieces[j].n);
	return err;
}

int rshi_flight_dump_sig(int fd)
{
	struct dump d;
	int err, err_of_put;

	if (!rshi_session_trace.is_kept)
		return ESRCH;
	rsh_memset_sig(&d, 0, sizeof(d));
	err = take(&d);
	err_of_put = put(&d, fd);
	give_back(&d);
	return err_of_put ? err_of_put : err;
}
