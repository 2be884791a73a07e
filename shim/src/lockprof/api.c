/* SPDX-License-Identifier: BSD-2-Clause */
/* The public functions. */

#include <errno.h>
#include <pthread.h>

#include <raceshim/lockprof.h>
#include <raceshim/sigsafe.h>

#include "core/detector.h"
#include "core/lock.h"
#include "core/unwind.h"
#include "core/wait_hooks.h"
#include "lockprof.h"
#include "output.h"

/* Who has the profiles has their variable, too: an archive would leave it out. */
__attribute__((used)) static struct rshi_at_end *const together = &rshi_lockprof_at_end;

static struct rshi_lock session; /* held by whoever starts or stops, and by a fork */
static uint32_t runs;            /* guarded by it */
static uint32_t is_prepared;     /* atomic: forks are */

static void before_fork(void)
{
	rshi_lock(&session);
}

static void after_fork(void)
{
	rshi_unlock(&session);
}

static void in_child(void)
{
	rshi_events_forked();
	rshi_lockprof_note_fork();
	rshi_unlock(&session);
}

int rshi_lockprof_start(const struct rsh_lockprof_options *options)
{
	int err;

	/* Without the lock what asks libc and the loader, who may wait for somebody who wants it. */
	if (!__atomic_exchange_n(&is_prepared, 1, __ATOMIC_RELAXED))
		(void)pthread_atfork(before_fork, after_fork, in_child);
	rshi_hooks_prepare();
	(void)rshi_unwind_list_objects();
	rshi_lock(&session);
	err = rshi_events_prepare();
	if (!err)
		err = rshi_hooks_start(RSHI_WATCHER_PROFILE, &rshi_events_watcher);
	if (!err) {
		rshi_events_set_rates(options->block_rate, options->mutex_fraction);
		rshi_lockprof_note(options);
		runs = 1;
	}
	rshi_unlock(&session);
	return err;
}

int rshi_lockprof_stop(void)
{
	int err = ESRCH;

	rshi_lock(&session);
	if (runs) {
		rshi_hooks_stop(RSHI_WATCHER_PROFILE);
		rshi_events_set_rates(0, 0);
		runs = 0;
		err = 0;
	}
	rshi_unlock(&session);
	return err;
}

RSH_API int rsh_lockprof_start(const struct rsh_lockprof_options *options)
{
	struct rsh_lockprof_options mine = {RSH_LOCKPROF_BLOCK_RATE, RSH_LOCKPROF_MUTEX_FRACTION};
	const struct rshi_caller caller = RSHI_CALLER(rsh_lockprof_start);

	if (options) {
		rshi_frame_push(&caller);
		rshi_will_read(&caller, options, sizeof(*options));
		rshi_frame_pop();
		rsh_memcpy_sig(&mine, options, sizeof(mine));
	}
	return rshi_lockprof_start(&mine);
}

RSH_API int rsh_lockprof_stop(void)
{
	return rshi_lockprof_stop();
}

/* Where records are copied to. */
struct reading {
	const struct rshi_caller *caller;
	struct rsh_lock_record *next;
	size_t got;
};

static int copy_one(void *arg, const struct rsh_lock_record *record)
{
	struct reading *r = arg;

	rshi_will_write(r->caller, r->next, sizeof(*r->next));
	rsh_memcpy_sig(r->next++, record, sizeof(*record));
	r->got++;
	return 0;
}

static int read_profile(enum rshi_lock_profile profile, const struct rshi_caller *caller,
                        struct rsh_lock_record *dst, size_t n, size_t *got)
{
	struct reading r = {caller, dst, 0};
	struct rshi_lock_extent extent;
	int err = 0;

	if (!got || (n && !dst))
		return EINVAL;
	r.got = rshi_events_extent(profile, &extent);
	rshi_frame_push(caller);
	if (r.got <= n) {
		r.got = 0;
		(void)rshi_events_each(&extent, copy_one, &r);
	} else {
		err = ERANGE;
	}
	rshi_will_write(caller, got, sizeof(*got));
	*got = r.got;
	rshi_frame_pop();
	return err;
}

RSH_API int rsh_blockprof_read(struct rsh_lock_record *dst, size_t n, size_t *got)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_blockprof_read);

	return read_profile(RSHI_BLOCK_PROFILE, &caller, dst, n, got);
}

RSH_API int rsh_mutexprof_read(struct rsh_lock_record *dst, size_t n, size_t *got)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_mutexprof_read);

	return read_profile(RSHI_MUTEX_PROFILE, &caller, dst, n, got);
}

RSH_API int rsh_lockprof_stats(struct rsh_lockprof_stats *stats)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_lockprof_stats);
	struct rsh_lockprof_stats mine;
	int err;

	if (!stats)
		return EINVAL;
	err = rshi_events_stats(&mine);
	if (err)
		return err;
	rshi_frame_push(&caller);
	rshi_will_write(&caller, stats, sizeof(*stats));
	rshi_frame_pop();
	rsh_memcpy_sig(stats, &mine, sizeof(mine));
	return 0;
}
