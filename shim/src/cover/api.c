/* SPDX-License-Identifier: BSD-2-Clause */
/* Coverage under the program's control: <raceshim/cover.h>. */

#include <errno.h>

#include <raceshim/cover.h>

#include "core/detector.h"
#include "core/files.h"
#include "encode.h"
#include "registry.h"
#include "store.h"

#define BUFFER_SIZE 16384

/* A unit's counts in a snapshot. */
struct part {
	struct rshi_unit *unit;
	void *copy;
};

/* The counts of all units, read in one sweep, and a buffer for the files that are made of them. */
struct snapshot {
	void *memory;
	size_t size;
	unsigned char *buffer; /* BUFFER_SIZE */
	struct part *parts;    /* the program first */
	size_t n;
	uint64_t time;
};

static int first_error(void)
{
	int err = rshi_cover_sig.err;

	if (!err && !rshi_unit_first())
		return RSH_ENOTCOVERED;
	for (struct rshi_unit *u = rshi_unit_first(); u && !err; u = rshi_unit_next(u))
		err = rshi_cover_ready(u);
	return err;
}

/*
 * The memory of the last snapshot is kept for the next: its pages cost more than what is read into
 * them. Whoever takes it has it alone, but no detector knows: only the library looks at it.
 */
struct spare {
	size_t size;
};

static struct spare *spare; /* atomic: NULL, or a block of spare->size bytes */

static void *take_memory(size_t size, size_t *got)
{
	/* [CM2] acquire, pairs with [CM1]: the last owner is done with it */
	struct spare *block = __atomic_exchange_n(&spare, NULL, __ATOMIC_ACQUIRE);

	if (block && block->size >= size) {
		*got = block->size;
		return block;
	}
	if (block)
		rshi_cover_unmap(block, block->size);
	*got = size;
	return rshi_cover_map(size);
}

static void give_memory(void *memory, size_t size)
{
	struct spare *block = memory, *other;

	block->size = size;
	/* [CM1] release, pairs with [CM2]: this owner is done with it */
	other = __atomic_exchange_n(&spare, block, __ATOMIC_ACQ_REL);
	if (other)
		rshi_cover_unmap(other, other->size);
}

static size_t aligned(size_t n)
{
	return (n + 15) & ~(size_t)15;
}

/* Where everything goes: how much there has to be, or, once there is memory, all addresses. */
static size_t place(struct snapshot *s)
{
	size_t n = 0, at = BUFFER_SIZE;

	for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u))
		n++;
	s->buffer = s->memory;
	s->parts = s->memory ? (struct part *)((char *)s->memory + at) : NULL;
	s->n = 0;
	at += aligned(n * sizeof(*s->parts));
	for (int program = 1; program >= 0; program--)
		for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u)) {
			if (u->is_program != program)
				continue;
			if (s->memory) {
				s->parts[s->n].unit = u;
				s->parts[s->n].copy = (char *)s->memory + at;
				s->n++;
			}
			at += aligned(u->copy_size);
		}
	return at;
}

/* Memory to put back what is taken and then cannot be written. */
static int prepare_to_clear(void)
{
	for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u)) {
		if (u->mode == RSH_COVER_COUNT)
			return RSH_ECOVERMODE;
		if (!u->kept)
			u->kept = rshi_cover_map(u->copy_size);
		if (!u->kept)
			return ENOMEM;
	}
	return 0;
}

static int take(struct snapshot *s, int clear)
{
	int err;

	s->memory = NULL;
	rshi_lock(&rshi_cover_sig.lock);
	err = first_error();
	if (!err && clear)
		err = prepare_to_clear();
	if (!err) {
		s->size = place(s);
		s->memory = take_memory(s->size, &s->size);
		err = s->memory ? 0 : ENOMEM;
	}
	if (!err) {
		place(s);
		s->time = rshi_unique_time_sig();
		for (size_t i = 0; i < s->n; i++)
			rshi_unit_sweep(s->parts[i].unit, s->parts[i].unit->ops, s->parts[i].copy,
			                clear);
	}
	rshi_unlock(&rshi_cover_sig.lock);
	return err;
}

static void drop(struct snapshot *s)
{
	give_memory(s->memory, s->size);
}

static int encode(const struct snapshot *s, unsigned char *buffer,
                  int (*flush)(void *arg, const void *bytes, size_t n), void *arg)
{
	uint64_t pid = (uint64_t)rshi_getpid_sig();
	struct rshi_sink sink;

	rshi_sink_init(&sink, buffer, BUFFER_SIZE, flush, arg);
	for (size_t i = 0; i < s->n && !sink.err; i++)
		rshi_put_counters(&sink, s->parts[i].unit, s->parts[i].unit->ops, s->parts[i].copy,
		                  pid, s->time);
	return rshi_sink_flush(&sink);
}

/* What was taken and not written counts again. */
static void put_back(const struct snapshot *s)
{
	rshi_lock(&rshi_cover_sig.lock);
	for (size_t i = 0; i < s->n; i++) {
		struct rshi_unit *u = s->parts[i].unit;

		u->ops->fold(u, u->kept, s->parts[i].copy);
	}
	rshi_unlock(&rshi_cover_sig.lock);
}

/*
 * Where the caller's writer looks, a detector looks too. So it gets memory that this call has made,
 * and not what another thread has used before: in between is no edge, and none is promised.
 */
static int write_counters(const struct rsh_writer *w, int clear)
{
	struct snapshot s;
	unsigned char *buffer;
	int err;

	if (!w || !w->write)
		return RSH_ENOWRITER;
	buffer = rshi_cover_map(BUFFER_SIZE);
	if (!buffer)
		return ENOMEM;
	err = take(&s, clear);
	if (!err) {
		err = encode(&s, buffer, w->write, w->arg);
		if (err && clear)
			put_back(&s);
		drop(&s);
	}
	rshi_cover_unmap(buffer, BUFFER_SIZE);
	return err;
}

__attribute__((noinline)) int rsh_cover_write_counters(const struct rsh_writer *w)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cover_write_counters);
	int err;

	rshi_frame_push(&caller);
	if (w)
		rshi_will_read(&caller, w, sizeof(*w));
	err = write_counters(w, 0);
	rshi_frame_pop();
	return err;
}

__attribute__((noinline)) int rsh_cover_read_and_clear(const struct rsh_writer *w)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cover_read_and_clear);
	int err;

	rshi_frame_push(&caller);
	if (w)
		rshi_will_read(&caller, w, sizeof(*w));
	err = write_counters(w, 1);
	rshi_frame_pop();
	return err;
}

/* Open the caller's directory. */
static int open_directory(const struct rshi_caller *caller, const char *dir, int *fd)
{
	size_t n = 0;

	if (!dir)
		return EINVAL;
	while (dir[n]) {
		n++;
		RSHI_OPAQUE(n); /* no strlen, which the detector would see */
	}
	rshi_will_read(caller, dir, n + 1);
	return rshi_open_directory_sig(dir, fd);
}

static int store_counters(const struct snapshot *s, int dir)
{
	uint64_t pid = (uint64_t)rshi_getpid_sig();
	struct rshi_store store;
	int err;

	rshi_name_counters_sig(&store, s->parts[0].unit->hash, pid, s->time);
	err = rshi_store_begin_sig(&store, dir, pid, s->time);
	if (err)
		return err;
	return rshi_store_end_sig(&store, encode(s, s->buffer, rshi_store_write_sig, &store), 1);
}

__attribute__((noinline)) int rsh_cover_write_counters_dir(const char *dir)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cover_write_counters_dir);
	struct snapshot s;
	int fd, err;

	rshi_frame_push(&caller);
	err = take(&s, 0);
	if (err)
		goto out;
	err = open_directory(&caller, dir, &fd);
	if (!err) {
		err = store_counters(&s, fd);
		rshi_close_sig(fd);
	}
	drop(&s);
out:
	rshi_frame_pop();
	return err;
}

/* Hand each meta unit to @use. */
static int for_each_meta(int (*use)(void *arg, const struct rshi_unit *u, const void *bytes,
                                    size_t n),
                         void *arg)
{
	int err;

	rshi_lock(&rshi_cover_sig.lock);
	err = first_error();
	rshi_unlock(&rshi_cover_sig.lock);
	for (int program = 1; program >= 0; program--)
		for (struct rshi_unit *u = rshi_unit_first(); u && !err; u = rshi_unit_next(u)) {
			struct rshi_meta meta;

			if (u->is_program != program)
				continue;
			rshi_lock(&rshi_cover_sig.lock);
			err = rshi_cover_ready(u);
			if (!err)
				err = rshi_cover_meta(u, &meta);
			rshi_unlock(&rshi_cover_sig.lock);
			if (err)
				break;
			err = use(arg, u, meta.bytes, meta.size);
			rshi_cover_meta_done(&meta);
		}
	return err;
}

struct hands {
	const struct rsh_writer *w;
	unsigned char *buffer;
};

/* Through memory of this call's: the meta unit of an unloaded unit is another thread's. */
static int hand_over(void *arg, const struct rshi_unit *u, const void *bytes, size_t n)
{
	const struct hands *h = arg;
	struct rshi_sink sink;

	(void)u;
	rshi_sink_init(&sink, h->buffer, BUFFER_SIZE, h->w->write, h->w->arg);
	rshi_put_bytes(&sink, bytes, n);
	return rshi_sink_flush(&sink);
}

static int write_meta(const struct rsh_writer *w)
{
	struct hands h = {w, NULL};
	int err;

	if (!w || !w->write)
		return RSH_ENOWRITER;
	h.buffer = rshi_cover_map(BUFFER_SIZE);
	if (!h.buffer)
		return ENOMEM;
	err = for_each_meta(hand_over, &h);
	rshi_cover_unmap(h.buffer, BUFFER_SIZE);
	return err;
}

static int store_meta(void *arg, const struct rshi_unit *u, const void *bytes, size_t n)
{
	return rshi_store_meta_sig(*(int *)arg, u, bytes, n);
}

__attribute__((noinline)) int rsh_cover_write_meta(const struct rsh_writer *w)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cover_write_meta);
	int err;

	rshi_frame_push(&caller);
	if (w)
		rshi_will_read(&caller, w, sizeof(*w));
	err = write_meta(w);
	rshi_frame_pop();
	return err;
}

__attribute__((noinline)) int rsh_cover_write_meta_dir(const char *dir)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cover_write_meta_dir);
	int fd, err;

	rshi_frame_push(&caller);
	rshi_lock(&rshi_cover_sig.lock);
	err = first_error();
	rshi_unlock(&rshi_cover_sig.lock);
	if (err)
		goto out;
	err = open_directory(&caller, dir, &fd);
	if (!err) {
		err = for_each_meta(store_meta, &fd);
		rshi_close_sig(fd);
	}
out:
	rshi_frame_pop();
	return err;
}

int rsh_cover_enabled(void)
{
	return rshi_unit_first() != NULL;
}

int rsh_cover_clear(void)
{
	int err;

	rshi_lock(&rshi_cover_sig.lock);
	err = first_error();
	if (!err)
		rshi_cover_clear_all();
	rshi_unlock(&rshi_cover_sig.lock);
	return err;
}

static int count(struct rsh_cover_stats *sum)
{
	struct snapshot s;
	int err = take(&s, 0);

	if (err)
		return err;
	sum->units = s.n;
	sum->functions = sum->counters = sum->live = 0;
	for (size_t i = 0; i < s.n; i++) {
		const struct rshi_unit *u = s.parts[i].unit;

		sum->functions += u->functions;
		sum->counters += u->counters;
		sum->live += u->ops->live(u, s.parts[i].copy);
	}
	drop(&s);
	return 0;
}

__attribute__((noinline)) int rsh_cover_stats(struct rsh_cover_stats *stats)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cover_stats);
	struct rsh_cover_stats sum;
	int err = EINVAL;

	rshi_frame_push(&caller);
	if (stats)
		err = count(&sum);
	if (!err) {
		rshi_will_write(&caller, stats, sizeof(*stats));
		rsh_memcpy_sig(stats, &sum, sizeof(sum));
	}
	rshi_frame_pop();
	return err;
}
