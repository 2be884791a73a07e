/* SPDX-License-Identifier: BSD-2-Clause */
/* From a wait, or an unlock that others have waited for, to what is counted under a stack. */

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "core/stacktab.h"
#include "core/sys.h"
#include "core/ticks.h"
#include "events.h"
#include "scale.h"
#include "waiters.h"

#define STACKS_LIMIT ((size_t)16 << 20)

/*
 * The values of a record. COUNT goes first and DONE last, and both are sums of the same numbers: who
 * finds them equal has a DELAY that belongs to them.
 */
enum { COUNT, DELAY, DONE, KIND, VALUES };

static struct rshi_stacktab table;
static uint64_t block_rate, mutex_fraction; /* atomic */
static struct rsh_lockprof_stats counted;   /* atomic, but for the rates */
static uint64_t chances;                    /* atomic: how many have been taken */
static uint32_t has_begun;                  /* atomic: there were rates */

/* A number by chance. */
static uint64_t chance(void)
{
	uint64_t x = __atomic_add_fetch(&chances, UINT64_C(0x9e3779b97f4a7c15), __ATOMIC_RELAXED);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* ... below @n. */
static uint64_t chance_below(uint64_t n)
{
	return (uint64_t)((unsigned __int128)chance() * n >> 64);
}

#define ADD_ONE(counter) __atomic_add_fetch(&(counter), 1, __ATOMIC_RELAXED)

static void add(enum rshi_lock_profile profile, uint32_t kind, const struct rshi_here *here,
                uint64_t count, uint64_t delay)
{
	uintptr_t pcs[RSH_LOCKPROF_DEPTH];
	struct rshi_stack stack;
	struct rshi_stack_record *r;

	rshi_unwind_here_sig(here, pcs, RSH_LOCKPROF_DEPTH, &stack);
	r = rshi_stacktab_find_sig(&table, profile, 0, pcs, stack.n);
	if (r->flags & RSHI_STACK_OVERFLOW) {
		ADD_ONE(counted.overflow);
		kind = RSH_LOCK_MANY;
	}
	__atomic_store_n(&r->values[KIND], kind, __ATOMIC_RELAXED);
	__atomic_add_fetch(&r->values[COUNT], count, __ATOMIC_RELAXED);
	/* [LE1] release, pairs with [LE2]: the count that this delay belongs to. */
	__atomic_add_fetch(&r->values[DELAY], delay, __ATOMIC_RELEASE);
	/* [LE3] release, pairs with [LE4]: the delay, and the kind. */
	__atomic_add_fetch(&r->values[DONE], count, __ATOMIC_RELEASE);
}

_Static_assert((int)RSH_LOCK_MUTEX == RSHI_WAIT_MUTEX && (int)RSH_LOCK_READ == RSHI_WAIT_READ &&
                       (int)RSH_LOCK_WRITE == RSHI_WAIT_WRITE &&
                       (int)RSH_LOCK_COND == RSHI_WAIT_COND && (int)RSH_LOCK_SEM == RSHI_WAIT_SEM &&
                       (int)RSH_LOCK_BARRIER == RSHI_WAIT_BARRIER &&
                       (int)RSH_LOCK_JOIN == RSHI_WAIT_JOIN,
               "kinds are the watchers'");

/* The note is the place among those who wait. */
static void wait_begin(struct rshi_watched *w, const struct rshi_waited *what)
{
	w->since = rshi_ticks_sig();
	w->note = 0;
	if (!what->lock || !__atomic_load_n(&mutex_fraction, __ATOMIC_RELAXED))
		return;
	w->note = rshi_waiters_enter(what->lock, w->since);
	if (!w->note)
		ADD_ONE(counted.unlisted);
}

static void wait_end(const struct rshi_watched *w, const struct rshi_waited *what, int has_waited,
                     const struct rshi_here *here)
{
	uint64_t now = rshi_ticks_sig(), rate, delay, count = 1;

	rshi_waiters_leave((rshi_place)w->note);
	/* [LE5] acquire, pairs with [LE6]: the table is open. */
	rate = __atomic_load_n(&block_rate, __ATOMIC_ACQUIRE);
	if (!rate || !has_waited)
		return;
	ADD_ONE(counted.waits);
	delay = now > w->since ? rshi_ticks_to_ns(now - w->since) : 0;
	if (!delay)
		delay = 1;
	if (delay < rate) {
		/* As many as it stands for, which is no whole number; and all of their time. */
		if (chance_below(rate) >= delay)
			return;
		count = rate / delay + (chance_below(delay) < rate % delay);
		delay = rate;
	}
	ADD_ONE(counted.sampled);
	add(RSHI_BLOCK_PROFILE, what->kind, here, count, delay);
}

static int release_begin(struct rshi_release *release, const void *lock)
{
	/* [LE7] acquire, pairs with [LE8]: the table is open. */
	uint64_t fraction = __atomic_load_n(&mutex_fraction, __ATOMIC_ACQUIRE), ticks;
	uint32_t waiters;

	if (!fraction)
		return 0;
	ticks = rshi_waiters_charge(lock, rshi_ticks_sig(), &waiters);
	if (!waiters)
		return 0;
	ADD_ONE(counted.unlocks);
	if (chance_below(fraction))
		return 0;
	release->count = fraction;
	/* A wait is never nothing. */
	release->delay = (rshi_ticks_to_ns(ticks) + 1) * fraction;
	return 1;
}

static void release_end(const struct rshi_release *release, uint32_t kind,
                        const struct rshi_here *here)
{
	ADD_ONE(counted.charged);
	add(RSHI_MUTEX_PROFILE, kind, here, release->count, release->delay);
}

const struct rshi_watcher rshi_events_watcher = {wait_begin, wait_end, release_begin, release_end};

int rshi_events_prepare(void)
{
	rshi_scale_measure();
	return rshi_stacktab_open_sig(&table, VALUES, STACKS_LIMIT);
}

void rshi_events_set_rates(uint64_t block, uint64_t mutex)
{
	__atomic_store_n(&has_begun, 1, __ATOMIC_RELAXED);
	/* [LE6] release, pairs with [LE5]: what has been prepared. */
	__atomic_store_n(&block_rate, block, __ATOMIC_RELEASE);
	/* [LE8] release, pairs with [LE7]: likewise. */
	__atomic_store_n(&mutex_fraction, mutex, __ATOMIC_RELEASE);
}

/* All records of a profile, and in the end the one for those that there was no room for. */
static struct rshi_stack_record *next(enum rshi_lock_profile profile,
                                      struct rshi_stack_cursor *cursor, int *is_last)
{
	struct rshi_stack_record *r;

	if (*is_last)
		return NULL;
	r = rshi_stacktab_next_sig(&table, profile, cursor);
	if (r)
		return r;
	*is_last = 1;
	return table.overflow[profile];
}

void rshi_events_forked(void)
{
	rshi_waiters_forked();
	for (int profile = RSHI_BLOCK_PROFILE; profile <= RSHI_MUTEX_PROFILE; profile++) {
		struct rshi_stack_cursor cursor = {0, NULL};
		struct rshi_stack_record *r;
		int is_last = 0;

		while ((r = next(profile, &cursor, &is_last)))
			rsh_memset_sig(r->values, 0, VALUES * sizeof(*r->values));
	}
	rsh_memset_sig(&counted, 0, sizeof(counted));
}

#define ATTEMPTS 10000
#define PATIENT  20
#define NAP      100000 /* nanoseconds */

/*
 * A copy that holds together, as soon as nobody is in the middle of adding to it. Whoever is may not
 * run: then sleep, so that it does. After a second, what there is.
 */
static void copy(struct rshi_stack_record *r, struct rsh_lock_record *to)
{
	static const uint32_t nobody_wakes = 0;
	uint64_t done;

	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		/* [LE4] acquire, pairs with [LE3]: the delays of all that are in it. */
		done = __atomic_load_n(&r->values[DONE], __ATOMIC_ACQUIRE);
		/* [LE2] acquire, pairs with [LE1]: the counts of all that are in it. */
		to->delay = __atomic_load_n(&r->values[DELAY], __ATOMIC_ACQUIRE);
		to->count = __atomic_load_n(&r->values[COUNT], __ATOMIC_RELAXED);
		if (to->count == done)
			break;
		if (attempt >= PATIENT)
			rshi_futex_wait_sig(&nobody_wakes, 0, NAP);
	}
	to->kind = (uint32_t)__atomic_load_n(&r->values[KIND], __ATOMIC_RELAXED);
	to->n = r->n;
	rsh_memcpy_sig(to->pcs, r->pcs, r->n * sizeof(*r->pcs));
	rsh_memset_sig(to->pcs + r->n, 0, (RSH_LOCKPROF_DEPTH - r->n) * sizeof(*to->pcs));
}

size_t rshi_events_extent(enum rshi_lock_profile profile, struct rshi_lock_extent *extent)
{
	extent->profile = profile;
	extent->end = rshi_stacktab_count_sig(&table, profile);
	extent->has_overflow =
	        table.overflow[profile] &&
	        __atomic_load_n(&table.overflow[profile]->values[COUNT], __ATOMIC_RELAXED);
	return (size_t)extent->end + (size_t)extent->has_overflow;
}

int rshi_events_each(const struct rshi_lock_extent *extent,
                     int (*see)(void *arg, const struct rsh_lock_record *record), void *arg)
{
	struct rshi_stack_cursor cursor = {0, NULL};
	struct rsh_lock_record record;
	struct rshi_stack_record *r;
	int is_last = 0, stop = 0;

	while (!stop && (r = next(extent->profile, &cursor, &is_last))) {
		if (is_last ? !extent->has_overflow : r->number >= extent->end)
			continue;
		copy(r, &record);
		if (record.count)
			stop = see(arg, &record);
	}
	return stop;
}

int rshi_events_stats(struct rsh_lockprof_stats *stats)
{
	if (!__atomic_load_n(&has_begun, __ATOMIC_RELAXED))
		return ESRCH;
	stats->waits = __atomic_load_n(&counted.waits, __ATOMIC_RELAXED);
	stats->sampled = __atomic_load_n(&counted.sampled, __ATOMIC_RELAXED);
	stats->unlocks = __atomic_load_n(&counted.unlocks, __ATOMIC_RELAXED);
	stats->charged = __atomic_load_n(&counted.charged, __ATOMIC_RELAXED);
	stats->unlisted = __atomic_load_n(&counted.unlisted, __ATOMIC_RELAXED);
	stats->overflow = __atomic_load_n(&counted.overflow, __ATOMIC_RELAXED);
	stats->block_rate = __atomic_load_n(&block_rate, __ATOMIC_RELAXED);
	stats->mutex_fraction = __atomic_load_n(&mutex_fraction, __ATOMIC_RELAXED);
	return 0;
}
