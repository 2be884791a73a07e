/* SPDX-License-Identifier: BSD-2-Clause */
/* Setting up what a process leaves behind by itself: the environment, hooks, and meta files. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr, secure_getenv */
#endif

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include <raceshim/cover.h>

#include "array_engine.h"
#include "core/checksum.h"
#include "core/detector.h"
#include "core/files.h"
#include "end.h"
#include "find.h"
#include "registry.h"

/* The library's own coverage is collected by a copy of it that is told by its build. */
#ifndef RSHI_COVER_DIRECTORY
#define RSHI_COVER_DIRECTORY secure_getenv("RACESHIM_COVERDIR")
#endif

#define EXITERS   4   /* threads that may be in exit() at once */
#define LOWEST_FD 100 /* out of the way of programs that count on small numbers */

/* Of the C++ runtime's interface, which libc has no header for. */
extern void *__dso_handle __attribute__((visibility("hidden")));
extern int __cxa_atexit(void (*handler)(void *arg), void *arg, void *owner);

/* Whoever has the lock sets up; the flags are set under it, and never taken back. Atomic. */
static struct rshi_lock setup;
static int has_hooks, has_started;

/*
 * Whoever has the hooks has the whole library: a shared library that finds one of these functions in
 * the program must find all of them there, and with them one registry.
 */
__attribute__((used)) static int (*const together)(const struct rsh_writer *) =
        rsh_cover_write_counters;

static void say_error(const char *what, const char *detail, int err)
{
	rshi_end_say_sig(what, detail, rsh_strerror(err));
}

static void at_end(void)
{
	int err = rshi_end_write_sig(1);

	if (err)
		rshi_end_complain_sig(rsh_strerror(err), err);
}

/* Somebody may have tidied up the directory meanwhile. */
static void restore_meta(void)
{
	struct rshi_store store;
	int dir, close, fd;

	if (rshi_end_directory_sig(&dir, &close))
		return;
	for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u)) {
		if (!u->reserve)
			continue;
		rshi_name_meta_sig(&store, u->hash);
		if (rshi_open_sig(dir, store.name, &fd))
			rshi_end_meta(u);
		else
			rshi_close_sig(fd);
	}
	if (close)
		rshi_close_sig(dir);
}

static void at_exit(void *unused)
{
	(void)unused;
	if (rshi_end_is_active() &&
	    __atomic_load_n(&rshi_end_sig.pid, __ATOMIC_RELAXED) == rshi_getpid_sig())
		restore_meta();
	at_end();
}

static void wait_at_exit(void *unused)
{
	(void)unused;
	rshi_end_wait_sig();
}

static int is_in_library(void)
{
	Dl_info info;

	return dladdr(&rshi_end_sig, &info) && !rshi_is_program(info.dli_fbase);
}

/*
 * Handlers run last in, first out, and threads that are in exit() at the same time share them: each
 * one of the others finds a handler that lets it wait for the file.
 *
 * atexit() would tie them to the program, whose handlers run before the destructors of its libraries.
 * In a library they are tied to that, which may be unloaded.
 */
static void add_hooks(void)
{
	void *owner = is_in_library() ? &__dso_handle : NULL;

	if (has_hooks)
		return;
	for (int i = 1; i < EXITERS; i++)
		(void)__cxa_atexit(wait_at_exit, NULL, owner);
	(void)__cxa_atexit(at_exit, NULL, owner);
	(void)at_quick_exit(at_end);
	/* [CS3] release, pairs with [CS4]: the hooks are there */
	__atomic_store_n(&has_hooks, 1, __ATOMIC_RELEASE);
}

/* A handler of a fault in a sweep forks: the lock is held, and stays so in both processes. */
static int forks_in_sweep; /* guarded by the lock */

static void before_fork(void)
{
	if (rshi_lock_is_mine(&rshi_cover_sig.lock)) {
		forks_in_sweep = 1;
		return;
	}
	rshi_lock(&rshi_cover_sig.lock);
	forks_in_sweep = 0;
	/* So that the child does not have to: it clears its counters. */
	for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u))
		(void)rshi_cover_lay_out(u);
}

static void after_fork(void)
{
	if (!forks_in_sweep)
		rshi_unlock(&rshi_cover_sig.lock);
}

static void in_child(void)
{
	if (!forks_in_sweep)
		rshi_cover_clear_all();
	rshi_end_forked_sig();
	rshi_cover_array_forked();
	after_fork();
}

/* A shared library with a copy of this one is not unloaded while handlers are in it. */
static void stay(void)
{
	Dl_info info;

	if (is_in_library() && dladdr(&rshi_end_sig, &info))
		(void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static int open_directory(const char *dir)
{
	struct rshi_end *e = &rshi_end_sig;
	char link[64] = "/proc/self/fd/";
	int fd, high, err = rshi_open_directory_sig(dir, &fd);

	if (err)
		return err;
	if (!rshi_dup_sig(fd, LOWEST_FD, &high)) {
		rshi_close_sig(fd);
		fd = high;
	}
	e->fd = fd;
	/* The absolute path, for a program that changes its directory and closes what it finds. */
	rshi_decimal_sig(link + 14, (uint64_t)fd);
	if (rshi_readlink_sig(link, e->dir, sizeof(e->dir))) {
		size_t n = 0;

		for (; dir[n] && n < sizeof(e->dir) - 1; n++)
			e->dir[n] = dir[n];
		e->dir[n] = '\0';
	}
	return rshi_stat_sig(fd, &e->at);
}

static void read_environment(void)
{
	const char *dir = RSHI_COVER_DIRECTORY;
	int err;

	if (!dir || !dir[0]) {
		__atomic_store_n(&rshi_end_sig.unset, 1, __ATOMIC_RELAXED);
		return;
	}
	err = open_directory(dir);
	if (err) {
		say_error("error: no coverage files will be written: RACESHIM_COVERDIR=", dir, err);
		return;
	}
	stay();
	rshi_end_catch_sig();
	if (rshi_sanitizer_set_death_callback)
		rshi_sanitizer_set_death_callback(rsh_cover_unit_finish);
	/* [CE1] release, pairs with [CE2]: directory and handlers are there */
	__atomic_store_n(&rshi_end_sig.active, 1, __ATOMIC_RELEASE);
}

void rsh_cover_unit_start(void)
{
	/*
	 * Nothing but hooks: so early libc has no environment yet.
	 * [CS4] acquire, pairs with [CS3]
	 */
	if (__atomic_load_n(&has_hooks, __ATOMIC_ACQUIRE) || rshi_lock_is_mine(&setup))
		return;
	rshi_lock_wait(&setup, 0);
	add_hooks();
	rshi_lock_release(&setup);
}

void rshi_end_start(void)
{
	/* [CS2] acquire, pairs with [CS1]: all is set up */
	if (__atomic_load_n(&has_started, __ATOMIC_ACQUIRE) || rshi_lock_is_mine(&setup))
		return;
	rshi_lock_wait(&setup, 0);
	if (!has_started) {
		rshi_crc32_init_sig();
		__atomic_store_n(&rshi_end_sig.pid, rshi_getpid_sig(), __ATOMIC_RELAXED);
		add_hooks();
		(void)pthread_atfork(before_fork, after_fork, in_child);
		read_environment();
		/* [CS1] release, pairs with [CS2]: all is set up */
		__atomic_store_n(&has_started, 1, __ATOMIC_RELEASE);
	}
	rshi_lock_release(&setup);
}

void rshi_end_warn(void)
{
	if (__atomic_exchange_n(&rshi_end_sig.unset, 0, __ATOMIC_RELAXED))
		rshi_end_say_sig("warning: no coverage files will be written: ",
		                 "RACESHIM_COVERDIR is not set", NULL);
}

void rshi_end_reserve(struct rshi_unit *u)
{
	void *p;

	if (!u->reserve && !rshi_mmap_sig(u->copy_size ? u->copy_size : 1, &p))
		u->reserve = p;
}

static int write_meta(struct rshi_unit *u)
{
	struct rshi_meta meta;
	int dir, close, err;

	rshi_lock(&rshi_cover_sig.lock);
	err = u->err ? u->err : rshi_cover_meta(u, &meta);
	rshi_unlock(&rshi_cover_sig.lock);
	if (err)
		return err;
	err = rshi_end_directory_sig(&dir, &close);
	if (!err) {
		err = rshi_store_meta_sig(dir, u, meta.bytes, meta.size);
		if (close)
			rshi_close_sig(dir);
	}
	rshi_cover_meta_done(&meta);
	return err;
}

void rshi_end_meta(struct rshi_unit *u)
{
	int err = write_meta(u);

	if (!err)
		return;
	/* Counts that nobody can read are of no use, and one complaint is enough. */
	if (__atomic_exchange_n(&rshi_end_sig.active, 0, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(&rshi_end_sig.complained, 1, __ATOMIC_RELAXED))
		say_error("error: no coverage files will be written: RACESHIM_COVERDIR=",
		          rshi_end_sig.dir, err);
}
