/* SPDX-License-Identifier: BSD-2-Clause */
/* Who waited, and who held what was waited for, as profile.proto. */

#include <errno.h>

#include <raceshim/lockprof.h>

#include "core/files.h"
#include "core/text.h"
#include "encode/pprof.h"
#include "events.h"
#include "output.h"

#define LINE 256

/*
 * What Go calls contentions and delay is in its block profile of who waited, and in its mutex profile
 * of who let others wait. A file that had both under the same names would count everything twice.
 */
enum { WAITS, WAITED, CONTENTIONS, DELAY, TYPES };

static const struct rshi_pprof_type types[TYPES] = {
        [WAITS] = {"waits", "count"},
        [WAITED] = {"waited", "nanoseconds"},
        [CONTENTIONS] = {"contentions", "count"},
        [DELAY] = {"delay", "nanoseconds"},
};

static const char *const lost = "_LostStacks";
static const char *const names[] = {
        [RSH_LOCK_MANY] = "many",       [RSH_LOCK_MUTEX] = "mutex", [RSH_LOCK_READ] = "read",
        [RSH_LOCK_WRITE] = "write",     [RSH_LOCK_COND] = "cond",   [RSH_LOCK_SEM] = "sem",
        [RSH_LOCK_BARRIER] = "barrier", [RSH_LOCK_JOIN] = "join",
};

/* Atomic. */
static uint64_t start; /* nanoseconds since 1970 */
static uint64_t block_rate, mutex_fraction;

struct adding {
	struct rshi_pprof *profile;
	int count; /* which of the types the record's count is; the delay is the one behind it */
};

void rshi_lockprof_note(const struct rsh_lockprof_options *options)
{
	__atomic_store_n(&block_rate, options->block_rate, __ATOMIC_RELAXED);
	__atomic_store_n(&mutex_fraction, options->mutex_fraction, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&start, __ATOMIC_RELAXED))
		rshi_lockprof_note_fork();
}

void rshi_lockprof_note_fork(void)
{
	__atomic_store_n(&start, rshi_now_sig(), __ATOMIC_RELAXED);
}

static int add(void *arg, const struct rsh_lock_record *record)
{
	const struct adding *a = arg;
	const struct rshi_pprof_label label = {.key = "lock", .value = names[record->kind]};
	int64_t values[TYPES] = {0};

	values[a->count] = (int64_t)record->count;
	values[a->count + 1] = (int64_t)record->delay;
	if (!record->n)
		return rshi_pprof_add_pseudo(a->profile, lost, values);
	return rshi_pprof_add(a->profile, record->pcs, record->n, values, &label, 1);
}

static void add_number(struct rshi_text *t, const char *what, uint64_t number)
{
	rshi_text_add(t, what);
	rshi_text_number(t, number);
}

static int comment(struct rshi_pprof *profile, const struct rsh_lockprof_stats *stats)
{
	char line[LINE];
	struct rshi_text t;
	int err;

	rshi_text_begin(&t, line, sizeof(line));
	add_number(&t, "waits of ", __atomic_load_n(&block_rate, __ATOMIC_RELAXED));
	add_number(&t, " ns and more, and shorter ones by chance; one of ",
	           __atomic_load_n(&mutex_fraction, __ATOMIC_RELAXED));
	rshi_text_add(&t, " unlocks");
	err = rshi_pprof_comment(profile, line);
	if (err)
		return err;
	rshi_text_begin(&t, line, sizeof(line));
	add_number(&t, "accepted ", stats->waits);
	add_number(&t, " waits, sampled ", stats->sampled);
	add_number(&t, "; ", stats->unlocks);
	add_number(&t, " unlocks that somebody waited for, sampled ", stats->charged);
	err = rshi_pprof_comment(profile, line);
	if (err || !stats->unlisted)
		return err;
	rshi_text_begin(&t, line, sizeof(line));
	rshi_text_number(&t, stats->unlisted);
	rshi_text_add(&t, " waits that nobody is charged with: too many at the same time");
	return rshi_pprof_comment(profile, line);
}

/* What there is in one of the profiles now. */
static int add_all(enum rshi_lock_profile of, struct adding *to)
{
	struct rshi_lock_extent extent;

	(void)rshi_events_extent(of, &extent);
	return rshi_events_each(&extent, add, to);
}

static int fill(struct rshi_pprof *profile, const struct rsh_lockprof_stats *stats)
{
	const int64_t nothing[TYPES] = {0};
	struct adding waiting = {profile, WAITS}, holding = {profile, CONTENTIONS};
	int err = rshi_pprof_add_pseudo(profile, lost, nothing);

	if (!err)
		err = add_all(RSHI_BLOCK_PROFILE, &waiting);
	if (!err)
		err = add_all(RSHI_MUTEX_PROFILE, &holding);
	return err ? err : comment(profile, stats);
}

int rshi_lockprof_write(const struct rsh_writer *w)
{
	const struct rshi_pprof_options options = {
	        .types = types,
	        .n_types = TYPES,
	        .default_type = types[DELAY].type,
	        .period_type = {"contentions", "count"},
	        .period = 1,
	        .called = 1,
	};
	uint64_t began = __atomic_load_n(&start, __ATOMIC_RELAXED);
	struct rsh_lockprof_stats stats;
	struct rshi_pprof *profile;
	int err = rshi_events_stats(&stats);

	if (!err)
		err = rshi_pprof_create(&options, &profile);
	if (err)
		return err;
	err = fill(profile, &stats);
	/* No lock is held: the writer may take its time. */
	if (!err)
		err = rshi_pprof_write(profile, (int64_t)began, (int64_t)(rshi_now_sig() - began),
		                       w);
	rshi_pprof_destroy(profile);
	return err;
}
