/* SPDX-License-Identifier: BSD-2-Clause */
/* From the trace to a file, all along. */

#include "drain.h"

#include <errno.h>

#include <raceshim/sigsafe.h>
#include <raceshim/trace.h>

#include "core/files.h"
#include "core/grow.h"
#include "core/make_thread.h"
#include "core/sys.h"
#include "core/trace_format.h"
#include "core/whole_file.h"
#include "encode/perfetto.h"
#include "read.h"

#define COMMAND RSHI_PERFETTO_TEXT_MAX

/* Written before the thread begins, and its own then, but for `is_done`. */
static struct {
	const char *path;
	int is_raw;
	struct rshi_perfetto *out;
	struct rshi_grow bytes; /* of a generation that is not whole yet */
	int err;                /* the first one; from then on nothing is written */
	uint32_t is_done;       /* atomic */
} drain;

static int to_file(void *fd, const void *buf, size_t n)
{
	return rshi_write_sig(*(const int *)fd, buf, n);
}

/* Opened each time: programs close descriptors that they do not know. */
static int append(const void *data, size_t n)
{
	struct rsh_writer w = {to_file, NULL};
	size_t used = 0;
	int fd, err, err_of_close;

	err = rshi_append_sig(RSHI_CWD, drain.path, &fd);
	if (err)
		return err;
	w.arg = &fd;
	if (drain.is_raw)
		err = rshi_write_sig(fd, data, n);
	else
		err = rshi_perfetto_raw(drain.out, data, n, &w, &used);
	/* Some file systems tell at the close that there was no room. */
	err_of_close = rshi_close_sig(fd);
	return err || err_of_close == EINTR ? err : err_of_close;
}

/* The last block of a generation ends what is read at a time. */
static int is_end(const unsigned char *data, size_t n)
{
	struct rshi_trace_tail tail;

	if (n < sizeof(tail))
		return 0;
	rsh_memcpy_sig(&tail, data + n - sizeof(tail), sizeof(tail));
	return tail.block.type == RSHI_TRACE_TAIL && tail.block.length == sizeof(tail) &&
	       tail.mark == RSHI_TRACE_END;
}

static int take(const void *data, size_t n)
{
	int err = rshi_keep(&drain.bytes, data, n);

	if (err || !is_end(data, n))
		return err;
	err = append(drain.bytes.p, drain.bytes.used);
	drain.bytes.used = 0;
	return err;
}

static void *run(void *unused)
{
	const void *data;
	size_t n;

	while (!rshi_trace_read(&data, &n) && data) {
		/* After an error the trace goes on, so that the program does. */
		if (!drain.err)
			drain.err = take(data, n);
	}
	/* [TD1] release, pairs with [TD2]: what has become of the file */
	__atomic_store_n(&drain.is_done, 1, __ATOMIC_RELEASE);
	rshi_futex_wake_sig(&drain.is_done, 1, NULL);
	return unused;
}

/* Who the process is; /proc may be missing. */
static int make_encoder(void)
{
	struct rshi_perfetto_process process = {.pid = rshi_getpid_sig(), .start = rshi_now_sig()};
	char command[COMMAND], name[16];
	size_t n = 0;
	int fd;

	process.name = name;
	process.command = command;
	if (!rshi_open_linked_sig("/proc/self/cmdline", &fd)) {
		(void)rshi_read_sig(fd, command, sizeof(command), &n);
		(void)rshi_close_sig(fd);
		process.n_command = n;
	}
	if (!rshi_open_linked_sig("/proc/self/comm", &fd)) {
		(void)rshi_read_sig(fd, name, sizeof(name), &n);
		(void)rshi_close_sig(fd);
		process.n_name = n && name[n - 1] == '\n' ? n - 1 : n;
	}
	return rshi_perfetto_create(&process, &drain.out);
}

static int make_file(const char *path)
{
	int fd, err = rshi_unlink_sig(RSHI_CWD, path);

	if (err && err != ENOENT)
		return err;
	err = rshi_create_sig(RSHI_CWD, path, &fd);
	return err ? err : rshi_close_sig(fd);
}

static void free_all(void)
{
	rshi_perfetto_destroy(drain.out);
	drain.out = NULL;
	rshi_grow_free(&drain.bytes);
}

/* Whoever reads the trace instead finds that it is over. */
static void take_back(void)
{
	const void *data;
	size_t n;

	(void)rsh_trace_stop();
	while (!rshi_trace_read(&data, &n) && data)
		continue;
}

int rshi_drain_start(const char *path, int is_raw, uint32_t automatic)
{
	const struct rsh_trace_options options = {.automatic = automatic};
	int err = make_file(path);

	if (err)
		return err;
	drain.path = path;
	drain.is_raw = is_raw;
	drain.err = 0;
	__atomic_store_n(&drain.is_done, 0, __ATOMIC_RELAXED);
	err = is_raw ? 0 : make_encoder();
	if (!err)
		err = rshi_trace_start(&options);
	if (!err) {
		err = rshi_thread_make(run);
		if (err)
			take_back();
	}
	if (err) {
		free_all();
		(void)rshi_unlink_sig(RSHI_CWD, path);
	}
	return err;
}

int rshi_drain_finish(void)
{
	/* The program may have ended this trace, and have begun another one that is its own. */
	/* [TD2] acquire, pairs with [TD1] */
	if (!__atomic_load_n(&drain.is_done, __ATOMIC_ACQUIRE))
		(void)rsh_trace_stop();
	/* [TD2] acquire, pairs with [TD1] */
	while (!__atomic_load_n(&drain.is_done, __ATOMIC_ACQUIRE))
		(void)rshi_futex_wait_sig(&drain.is_done, 0, 0);
	free_all();
	return drain.err;
}

void rshi_drain_forked(void)
{
	/* The thread may have been in the middle of anything: its memory stays. */
	drain.out = NULL;
	drain.bytes = (struct rshi_grow){.p = NULL};
}
