/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning of the profile, its rate, and forks. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "core/lock.h"
#include "counts.h"
#include "hooks.h"
#include "profile.h"
#include "session.h"

static struct rshi_lock lock;
static uint32_t is_prepared; /* atomic: forks are */

static void before(void)
{
	rshi_lock(&lock);
	rshi_counts_before_fork_sig();
}

static void after(void)
{
	rshi_counts_after_fork_sig();
	rshi_unlock(&lock);
}

/* What stands before the allocator says so when something is allocated; maybe nothing was so far. */
static void allocate(void)
{
	void *(*allocate_one)(size_t size);
	void (*free_one)(void *p);
	void *p;

	*(void **)&allocate_one = dlsym(RTLD_DEFAULT, "malloc");
	*(void **)&free_one = dlsym(RTLD_DEFAULT, "free");
	if (!allocate_one || !free_one)
		return;
	p = allocate_one(1);
	free_one(p);
}

/*
 * Whoever can tell of allocations does from now on. Without the lock: this calls the program's
 * allocator, and asks the loader, who may be in the middle of a library that wants the lock. Threads
 * that come at the same time all do this.
 */
static int find_source(void)
{
	int err;

	if (rshi_heap_sources_sig())
		return 0;
	allocate();
	if (rshi_heap_sources_sig())
		return 0;
	rshi_lock(&lock);
	err = rshi_heap_hooks_install();
	rshi_unlock(&lock);
	if (err)
		return err;
	rshi_heap_hooks_get_to_know();
	rshi_heap_add_source_sig(RSHI_HEAP_HOOKS);
	return 0;
}

/* Likewise, what has to be asked for. */
static int prepare(void)
{
	int err = find_source();

	if (err)
		return err;
	rshi_unwind_know_libc();
	(void)rshi_unwind_list_objects();
	if (!__atomic_exchange_n(&is_prepared, 1, __ATOMIC_RELAXED))
		(void)pthread_atfork(before, after, after);
	return 0;
}

int rshi_heap_set_rate(uint64_t rate)
{
	int err = 0;

	if (rate > RSH_HEAPPROF_RATE_MAX)
		return EINVAL;
	if (rate)
		err = prepare();
	if (err)
		return err;
	rshi_lock(&lock);
	if (rate)
		err = rshi_heap_open_sig();
	if (!err && rate != rshi_heap_rate_sig())
		rshi_heap_set_rate_sig(rate);
	rshi_unlock(&lock);
	return err;
}
