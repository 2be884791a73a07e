/* SPDX-License-Identifier: BSD-2-Clause */
/* The lock profile from inside: who is listed as waiting, and what is sampled of long and short. */

#include <errno.h>
#include <sys/wait.h>

#include "core/peek.h"
#include "core/ticks.h"
#include "core/unwind.h"
#include "lockprof/events.h"
#include "lockprof/scale.h"
#include "lockprof/waiters.h"
#include "waiting.h"

/* Nanoseconds; so many that it does not matter how long threads are kept from the processor. */
#define RATE  UINT64_C(100000000)
#define WAITS 40000

static uint64_t ticks_of(uint64_t ns)
{
	return ns * UINT64_C(1000000) / rshi_ticks_to_ns(1000000);
}

/* A wait that has lasted so long. */
static void pretend(uint64_t ns, const struct rshi_here *here)
{
	const struct rshi_watched wait = {NULL, rshi_ticks_sig() - ticks_of(ns), 0};
	const struct rshi_waited what = {RSHI_WAIT_SEM, 0, NULL};

	rshi_events_watcher.end(&wait, &what, 1, here);
}

IN(in_short) void wait_short(void)
{
	const struct rshi_here here = RSHI_HERE();

	pretend(RATE / 20, &here);
}

IN(in_long) void wait_long(void)
{
	const struct rshi_here here = RSHI_HERE();

	pretend(RATE * 2, &here);
}

IN(in_shorts) void wait_shorts(void)
{
	for (int i = 0; i < WAITS; i++)
		wait_short();
}

IN(in_longs) void wait_longs(void)
{
	for (int i = 0; i < WAITS; i++)
		wait_long();
}

/* But for a few percent by chance. */
static void check_near(uint64_t value, double truth)
{
	CHECK((double)value > 0.8 * truth);
	CHECK((double)value < 1.2 * truth);
}

static void test_long_and_short_waits_have_their_share(void)
{
	struct rsh_lock_record sum;

	start_profiles(RATE, 0);
	wait_shorts();
	wait_longs();
	find(rsh_blockprof_read, RSH_LOCK_SEM, AT(in_shorts), &sum);
	check_near(sum.count, WAITS);
	check_near(sum.delay, WAITS * (double)RATE / 20);
	find(rsh_blockprof_read, RSH_LOCK_SEM, AT(in_longs), &sum);
	CHECK_EQ(sum.count, WAITS);
	check_near(sum.delay, WAITS * (double)RATE * 2);
}

IN(in_later) void wait_until_earlier(void)
{
	const struct rshi_here here = RSHI_HERE();
	const struct rshi_watched wait = {NULL, rshi_ticks_sig() + ticks_of(RATE), 0};
	const struct rshi_waited what = {RSHI_WAIT_SEM, 0, NULL};

	rshi_events_watcher.end(&wait, &what, 1, &here);
}

IN(in_no_time) void wait_no_time(void)
{
	for (int i = 0; i < 3; i++) {
		wait_until_earlier();
		__asm__ volatile(""); /* no jump at the end */
	}
}

/* By a clock that goes back from one processor to the next; it counts, as the shortest one there is. */
static void test_a_wait_of_no_time_is_one(void)
{
	struct rsh_lock_record sum;

	start_profiles(1, 0);
	wait_no_time();
	find(rsh_blockprof_read, RSH_LOCK_SEM, AT(in_no_time), &sum);
	CHECK_EQ(sum.count, 3);
	CHECK_EQ(sum.delay, 3);
}

IN(in_release) void release(const void *lock)
{
	const struct rshi_here here = RSHI_HERE();
	struct rshi_release r;

	if (rshi_events_watcher.release_begin(&r, lock))
		rshi_events_watcher.release_end(&r, RSHI_WAIT_MUTEX, &here);
}

IN(in_releases) void release_often(void)
{
	static const int lock;

	for (int i = 0; i < WAITS; i++) {
		rshi_place place =
		        rshi_waiters_enter(&lock, rshi_ticks_sig() - ticks_of(RATE / 100));

		release(&lock);
		rshi_waiters_leave(place);
	}
}

static void test_one_unlock_of_many_stands_for_all(void)
{
	struct rsh_lockprof_stats stats;
	struct rsh_lock_record sum;

	start_profiles(0, 10);
	release_often();
	find(rsh_mutexprof_read, RSH_LOCK_MUTEX, AT(in_releases), &sum);
	check_near(sum.count, WAITS);
	check_near(sum.delay, WAITS * (double)RATE / 100);
	CHECK_EQ(rsh_lockprof_stats(&stats), 0);
	CHECK_EQ(stats.unlocks, WAITS);
	CHECK_EQ(stats.charged * 10, sum.count);
}

static void test_each_tick_is_charged_once(void)
{
	static const char locks[3];
	rshi_place a = rshi_waiters_enter(&locks[0], 1000);
	rshi_place b = rshi_waiters_enter(&locks[0], 3000);
	rshi_place c = rshi_waiters_enter(&locks[1], 5000);
	uint32_t n;

	CHECK(a && b && c && a != b && b != c);
	CHECK_EQ(rshi_waiters_charge(&locks[2], 9000, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(rshi_waiters_charge(&locks[0], 4000, &n), 3000 + 1000);
	CHECK_EQ(n, 2);
	rshi_waiters_leave(a);
	CHECK_EQ(rshi_waiters_charge(&locks[0], 4000, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(rshi_waiters_charge(&locks[0], 4500, &n), 500);
	CHECK_EQ(n, 1);
	CHECK_EQ(rshi_waiters_charge(&locks[1], 5001, &n), 1);
	rshi_waiters_leave(b);
	rshi_waiters_leave(c);
	CHECK_EQ(rshi_waiters_charge(&locks[0], 9000, &n), 0);
}

static void test_more_waiters_than_places(void)
{
	static rshi_place places[8000];
	static const int lock;
	struct rsh_lockprof_stats before, after;
	const struct rshi_waited what = {RSHI_WAIT_MUTEX, (uintptr_t)&lock, &lock};
	struct rshi_watched wait;
	uint32_t n, listed = 0;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		places[i] = rshi_waiters_enter(&lock, 100);
		listed += places[i] != 0;
	}
	CHECK(listed >= 1000);
	CHECK(listed < sizeof(places) / sizeof(*places));
	start_profiles(0, 1);
	CHECK_EQ(rsh_lockprof_stats(&before), 0);
	rshi_events_watcher.begin(&wait, &what);
	CHECK_EQ(wait.note, 0);
	CHECK_EQ(rsh_lockprof_stats(&after), 0);
	CHECK_EQ(after.unlisted, before.unlisted + 1);
	CHECK_EQ(rshi_waiters_charge(&lock, 110, &n), 10 * (uint64_t)listed);
	CHECK_EQ(n, listed);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		rshi_waiters_leave(places[i]);
	CHECK_EQ(rshi_waiters_charge(&lock, 120, &n), 0);
	CHECK_EQ(n, 0);
}

static void test_nobody_waits_in_a_forked_child(void)
{
	static const int lock;
	rshi_place place = rshi_waiters_enter(&lock, 100);
	int status;
	uint32_t n;
	pid_t child = fork();

	CHECK(child >= 0);
	if (!child) {
		CHECK_EQ(rshi_waiters_charge(&lock, 110, &n), 0);
		_exit(7);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 7);
	CHECK_EQ(rshi_waiters_charge(&lock, 110, &n), 10);
	rshi_waiters_leave(place);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

IN(in_blind) void lock_and_unlock(void)
{
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

/* Of a libc that is not known every call is measured. */
static void test_locks_that_are_not_understood(void)
{
	struct rsh_lock_record sum;

	CHECK_EQ(rshi_peek_blind, 0);
	start_profiles(1, 1);
	lock_and_unlock();
	find(rsh_blockprof_read, RSH_LOCK_MUTEX, AT(in_blind), &sum);
	CHECK_EQ(sum.n, 0);
	__atomic_store_n(&rshi_peek_blind, RSHI_PEEK_MUTEX, __ATOMIC_RELAXED);
	lock_and_unlock();
	find(rsh_blockprof_read, RSH_LOCK_MUTEX, AT(in_blind), &sum);
	CHECK_EQ(sum.count, 1);
	find(rsh_mutexprof_read, RSH_LOCK_MUTEX, AT(in_blind), &sum);
	CHECK_EQ(sum.count, 0);
	__atomic_store_n(&rshi_peek_blind, 0, __ATOMIC_RELAXED);
}

struct many {
	uint64_t records, count, delay, overflow;
};

static int add_up(void *arg, const struct rsh_lock_record *record)
{
	struct many *many = arg;

	many->records++;
	many->count += record->count;
	if (!record->n) {
		CHECK_EQ(record->kind, RSH_LOCK_MANY);
		CHECK(!record->pcs[0]);
		many->overflow += record->count;
		many->delay += record->delay;
	}
	return 0;
}

static void add_all_up(struct many *many)
{
	struct rshi_lock_extent extent;
	size_t most = rshi_events_extent(RSHI_BLOCK_PROFILE, &extent);

	memset(many, 0, sizeof(*many));
	CHECK_EQ(rshi_events_each(&extent, add_up, many), 0);
	CHECK(many->records <= most);
}

/* More stacks than there is room for, of calls from where there is no code. */
static void test_stacks_that_there_is_no_room_for(void)
{
	struct rsh_lockprof_stats before, stats;
	struct many old, many;
	struct rsh_lock_record last;
	size_t got;
	uint64_t n = 0;

	add_all_up(&old);
	CHECK_EQ(old.overflow, 0);
	CHECK_EQ(rsh_lockprof_stats(&before), 0);
	start_profiles(1, 0);
	do {
		struct rshi_here here = {.pc = 4096 + n, .sp = (uintptr_t)&old, .fp = 0};

		for (int i = 0; i < 1000; i++, here.pc++)
			pretend(1000, &here);
		n += 1000;
		CHECK(n < 2000000);
		CHECK_EQ(rsh_lockprof_stats(&stats), 0);
	} while (!stats.overflow);
	CHECK(n > 10000);
	CHECK_EQ(stats.sampled - before.sampled, n);
	add_all_up(&many);
	CHECK_EQ(many.overflow, stats.overflow);
	CHECK_EQ(many.count - old.count, n);
	CHECK(many.delay >= many.overflow);
	/* An array for those that there were is too small. */
	CHECK_EQ(rsh_blockprof_read(&last, 1, &got), ERANGE);
	CHECK(got >= many.records);
}

int main(void)
{
	test_each_tick_is_charged_once();
	test_long_and_short_waits_have_their_share();
	test_a_wait_of_no_time_is_one();
	test_one_unlock_of_many_stands_for_all();
	test_more_waiters_than_places();
	test_nobody_waits_in_a_forked_child();
	test_locks_that_are_not_understood();
	test_stacks_that_there_is_no_room_for();
	return 0;
}
