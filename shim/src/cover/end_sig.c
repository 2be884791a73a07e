/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last file of a process: one thread writes it, from whatever the process ends with, in memory
 * that was reserved when the units were registered, with system calls of our own. At an exec, or a
 * signal, the process may go on: then the next one replaces it.
 */

#include <linux/errno.h>

#include "encode.h"
#include "end.h"

#define NS_PER_S    1000000000ull
#define BUFFER_SIZE 16384

struct rshi_cover rshi_cover_sig;
struct rshi_end rshi_end_sig = {.fd = -1};

/* The writer's. */
static unsigned char buffer[BUFFER_SIZE];

static size_t length(const char *text)
{
	size_t n = 0;

	/* Not a loop that a compiler knows as strlen. */
	while (text[n]) {
		n++;
		RSHI_OPAQUE(n);
	}
	return n;
}

/* Append as much of @text as there is @room for. */
static char *add(char *to, size_t *room, const char *text)
{
	for (; *text && *room; text++, --*room)
		*to++ = *text;
	return to;
}

void rshi_end_say_sig(const char *what, const char *detail, const char *why)
{
	/* A long path must not hide the reason. */
	size_t tail = why ? length(why) + 2 : 0;
	char line[1024], *p = line;
	size_t room = sizeof(line) - 1 - (tail < sizeof(line) / 2 ? tail : 0);

	p = add(p, &room, "raceshim: ");
	p = add(p, &room, what);
	p = add(p, &room, detail);
	room = sizeof(line) - 1 - (size_t)(p - line);
	if (why)
		p = add(add(p, &room, ": "), &room, why);
	*p++ = '\n';
	rshi_write_sig(2, line, (size_t)(p - line));
}

void rshi_end_complain_sig(const char *why, int err)
{
	char text[32];
	size_t room = sizeof(text);

	if (__atomic_exchange_n(&rshi_end_sig.complained, 1, __ATOMIC_RELAXED))
		return;
	if (!why) {
		rshi_decimal_sig(add(text, &room, "error "), (uint64_t)(err < 0 ? -err : err));
		why = text;
	}
	rshi_end_say_sig("error: cannot write coverage counters to ", rshi_end_sig.dir, why);
}

static int is_same(const struct rshi_file *a, const struct rshi_file *b)
{
	return a->is_directory && a->device == b->device && a->inode == b->inode;
}

int rshi_end_directory_sig(int *dir, int *close)
{
	const struct rshi_end *e = &rshi_end_sig;
	struct rshi_file now;

	*dir = e->fd;
	*close = 0;
	if (!rshi_stat_sig(e->fd, &now) && is_same(&now, &e->at))
		return 0;
	/* The program has closed it, as daemons do. */
	*close = 1;
	return rshi_open_directory_sig(e->dir, dir);
}

static int can_write(const struct rshi_unit *u)
{
	return u->ready && !u->err && u->reserve;
}

/* The one that gives the file its name: the program's, or the first. */
static struct rshi_unit *leader(void)
{
	struct rshi_unit *first = NULL;

	for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u)) {
		if (!can_write(u))
			continue;
		if (u->is_program)
			return u;
		if (!first)
			first = u;
	}
	return first;
}

/* Read all counters. */
static int sweep(void)
{
	struct rshi_lock *l = &rshi_cover_sig.lock;

	/* A fault in the middle of a sweep: what it was reading cannot be read. */
	if (rshi_lock_is_mine(l))
		return EDEADLK;
	if (!rshi_lock_wait(l, 2 * NS_PER_S))
		return EBUSY;
	for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u))
		if (can_write(u))
			rshi_unit_sweep(u, u->ops_sig, u->reserve, 0);
	rshi_lock_release(l);
	return 0;
}

static int encode(struct rshi_store *store, struct rshi_unit *first, uint64_t pid, uint64_t time)
{
	struct rshi_sink s;

	rshi_sink_init(&s, buffer, sizeof(buffer), rshi_store_write_sig, store);
	rshi_put_counters(&s, first, first->ops_sig, first->reserve, pid, time);
	for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u))
		if (u != first && can_write(u))
			rshi_put_counters(&s, u, u->ops_sig, u->reserve, pid, time);
	return rshi_sink_flush(&s);
}

static int write_in(int dir, struct rshi_unit *first)
{
	uint64_t pid = (uint64_t)rshi_getpid_sig(), now = rshi_unique_time_sig();
	struct rshi_end *e = &rshi_end_sig;
	/* At no moment are there two: the process has one file, which is replaced in one step. */
	uint64_t time = e->time ? e->time : now;
	struct rshi_store store;
	int err = sweep();

	if (err)
		return err;
	rshi_name_counters_sig(&store, first->hash, pid, time);
	err = rshi_store_begin_sig(&store, dir, pid, now);
	if (err)
		return err;
	err = rshi_store_end_sig(&store, encode(&store, first, pid, time), !e->time);
	if (!err)
		e->time = time;
	return err;
}

static int write_file(void)
{
	struct rshi_unit *first = leader();
	int dir, close, err;

	if (!first)
		return 0;
	err = rshi_end_directory_sig(&dir, &close);
	if (err)
		return err;
	err = write_in(dir, first);
	if (close)
		rshi_close_sig(dir);
	return err;
}

void rshi_end_wait_sig(void)
{
	struct rshi_end *e = &rshi_end_sig;
	uint32_t self = (uint32_t)rshi_gettid_sig();

	/* Bounded: a process that wants to end must. */
	for (int i = 0; i < 100; i++) {
		/* [CW2] acquire, pairs with [CW1]: the file is there */
		uint32_t writer = __atomic_load_n(&e->writer, __ATOMIC_ACQUIRE);

		if (writer == 0 || writer == RSHI_DONE || writer == self)
			return;
		rshi_futex_wait_sig(&e->writer, writer, NS_PER_S / 10);
	}
}

/* Become the one who writes, unless the last file has been written: then 0. */
static int become_writer(struct rshi_end *e)
{
	uint32_t nobody;

	do {
		nobody = 0;
		/* [CW3] acquire, pairs with [CW1]: what the last writer wrote */
		if (__atomic_compare_exchange_n(&e->writer, &nobody, (uint32_t)rshi_gettid_sig(), 0,
		                                __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return 1;
		rshi_end_wait_sig();
		/* What somebody else has written before the process went on is not all. */
	} while (__atomic_load_n(&e->writer, __ATOMIC_RELAXED) == 0);
	return 0;
}

int rshi_end_write_sig(int last)
{
	struct rshi_end *e = &rshi_end_sig;
	uint64_t mask = 0;
	int err = 0;

	/* After vfork the memory is the parent's, and so are the counts. */
	if (!rshi_end_is_active() ||
	    __atomic_load_n(&e->pid, __ATOMIC_RELAXED) != rshi_getpid_sig())
		return 0;
	/* A signal that kills waits until the file is there. */
	rshi_sigblock_sig(RSHI_ASYNCHRONOUS, &mask);
	if (become_writer(e)) {
		err = write_file();
		/* [CW1] release, pairs with [CW2] and [CW3]: the file is there */
		__atomic_store_n(&e->writer, last ? RSHI_DONE : 0, __ATOMIC_RELEASE);
		rshi_futex_wake_sig(&e->writer, INT32_MAX, NULL);
	}
	rshi_sigmask_sig(mask);
	return err;
}

void rshi_end_forked_sig(void)
{
	rshi_end_sig.time = 0;
	__atomic_store_n(&rshi_end_sig.writer, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&rshi_end_sig.pid, rshi_getpid_sig(), __ATOMIC_RELAXED);
}

void rsh_cover_unit_finish(void)
{
	int err = rshi_end_write_sig(1);

	if (err)
		rshi_end_complain_sig(NULL, err);
}

void rsh_cover_unit_exec(void)
{
	int err = rshi_end_write_sig(0);

	if (err)
		rshi_end_complain_sig(NULL, err);
}
