/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of rings under threads that come and go: no sample is unaccounted for. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "check.h"
#include "core/pool.h"
#include "core/unwind.h"
#include "sampling_sig.h"

#define RINGS   4
#define SIZE    1024
#define WORKERS 6 /* more than rings */
#define THREADS 60
#define SAMPLES 200

static struct rshi_pool *pool;

struct seen {
	uint64_t samples, roots, extra, lost[RSHI_LOST_CLASSES];
	uint64_t calls, stop_after; /* fail at this call of emit(), if not 0 */
};

static struct seen seen;

static int emit(void *arg, int tid, const uint64_t *records, size_t n)
{
	struct seen *s = arg;

	for (size_t i = 0; i < n; i += rshi_record_length(&records[i])) {
		const uint64_t *record = &records[i];
		uint32_t kind = rshi_record_kind(record);

		CHECK(i + rshi_record_length(record) <= n);
		if (kind != RSHI_SAMPLE) {
			CHECK(kind - RSHI_LOST < RSHI_LOST_CLASSES);
			CHECK_EQ(rshi_record_length(record), 3 + SAMPLING_HEADER);
			CHECK_EQ(record[2] | record[3], 0);
			CHECK(record[4] > 0);
			s->lost[kind - RSHI_LOST] += record[4];
			continue;
		}
		CHECK(rshi_record_length(record) > 2 + SAMPLING_HEADER);
		CHECK_EQ(record[1], record[2]);
		s->samples++;
		s->roots += record[3] == RSHI_END_ROOT;
		s->extra += tid == 0;
	}
	s->calls++;
	return s->stop_after && s->calls >= s->stop_after ? EIO : 0;
}

static void check_equal(void)
{
	struct rshi_pool_account account;
	uint64_t lost = 0;

	CHECK_EQ(rshi_pool_read(pool, emit, &seen), 0);
	rshi_pool_account(pool, &account);
	for (int why = 0; why < RSHI_LOST_CLASSES; why++) {
		CHECK_EQ(account.lost[why], seen.lost[why]);
		lost += seen.lost[why];
	}
	CHECK_EQ(account.delivered, seen.samples);
	CHECK_EQ(account.accepted, sampling_count_sig());
	CHECK_EQ(account.accepted, seen.samples + lost);
}

static void test_arguments(void)
{
	struct rshi_pool *p;

	CHECK_EQ(rshi_pool_create(0, SIZE, 0, &p), EINVAL);
	CHECK_EQ(rshi_pool_create(1, 100, 0, &p), EINVAL);
	CHECK_EQ(rshi_pool_create(1, SIZE, RSHI_HEADER_MAX + 1, &p), EINVAL);
	CHECK_EQ(rshi_pool_create(60000, (size_t)1 << 30, 0, &p), ENOMEM);
}

static void test_rings_are_claimed_once_and_come_back(void)
{
	struct rshi_pool_ring *rings[RINGS];
	struct rshi_pool *p;
	static struct seen nothing;

	CHECK_EQ(rshi_pool_create(RINGS, SIZE, SAMPLING_HEADER, &p), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < RINGS; i++) {
			rings[i] = rshi_pool_claim_sig(p, 100 + i);
			CHECK(rings[i]);
			for (int j = 0; j < i; j++)
				CHECK(rings[i] != rings[j]);
		}
		CHECK(!rshi_pool_claim_sig(p, 200));
		rshi_pool_release_sig(rings[2]);
		CHECK(!rshi_pool_claim_sig(p, 200)); /* not read yet */
		CHECK_EQ(rshi_pool_read(p, emit, &nothing), 0);
		CHECK(rshi_pool_claim_sig(p, 200) == rings[2]);
		for (int i = 0; i < RINGS; i++)
			rshi_pool_release_sig(rings[i]);
		CHECK_EQ(rshi_pool_read(p, emit, &nothing), 0);
		CHECK_EQ(rshi_pool_read(p, emit, &nothing), 0);
	}
	CHECK_EQ(nothing.calls, 0);
	rshi_pool_destroy(p);
}

static void test_losses_come_out_once(void)
{
	sampling_lose_sig(RSHI_LOST_UNWIND);
	sampling_take_sig(7);
	sampling_lose_sig(RSHI_LOST_WINDOW);
	sampling_take_sig(5);
	sampling_lose_sig(RSHI_LOST_CLASSES);
	sampling_take_sig(3);
	for (int i = 0; i < 3; i++) {
		check_equal();
		CHECK_EQ(seen.lost[RSHI_LOST_UNWIND], 7);
		CHECK_EQ(seen.lost[RSHI_LOST_WINDOW], 5);
		CHECK_EQ(seen.samples, 3);
		CHECK_EQ(seen.roots, 3);
	}
}

static void *keep_a_ring(void *arg)
{
	pthread_barrier_t *barrier = arg;

	sampling_take_sig(1);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	sampling_end_thread_sig();
	return NULL;
}

/* With all rings taken, the extra buffer fills up; what comes then is counted. */
static void test_threads_without_a_ring(void)
{
	uint64_t before, extra = seen.extra, lost = seen.lost[RSHI_LOST_EXTRA];
	pthread_barrier_t barrier;
	pthread_t keepers[RINGS], last;
	pthread_barrier_t done;

	CHECK_EQ(pthread_barrier_init(&barrier, NULL, RINGS), 0);
	CHECK_EQ(pthread_barrier_init(&done, NULL, 2), 0);
	/* This thread has one ring, the others get the rest. */
	for (int i = 0; i < RINGS - 1; i++)
		CHECK_EQ(pthread_create(&keepers[i], NULL, keep_a_ring, &barrier), 0);
	pthread_barrier_wait(&barrier);
	CHECK_EQ(pthread_create(&last, NULL, keep_a_ring, &done), 0);
	pthread_barrier_wait(&done);
	check_equal();
	CHECK_EQ(seen.extra, extra + 1);
	pthread_barrier_wait(&done);
	CHECK_EQ(pthread_join(last, NULL), 0);

	/* The buffer directly: to the last word, and one more. */
	before = seen.samples;
	{
		static uintptr_t pcs[RSHI_EXTRA_WORDS];
		static const uint64_t header[SAMPLING_HEADER] = {9, 1};
		struct rshi_pool *p;
		static struct seen s;

		CHECK_EQ(rshi_pool_create(1, SIZE, SAMPLING_HEADER, &p), 0);
		CHECK(rshi_pool_add_sig(p, NULL, 9, header, pcs, 500));
		CHECK(rshi_pool_add_sig(p, NULL, 9, header, pcs, RSHI_EXTRA_WORDS - 504 - 4));
		CHECK(!rshi_pool_add_sig(p, NULL, 9, header, pcs, 0));
		p->extra.taken = 1;
		CHECK(!rshi_pool_add_sig(p, NULL, 9, header, pcs, 0));
		CHECK_EQ(rshi_pool_read(p, emit, &s), 0); /* leaves the buffer to its holder */
		CHECK_EQ(s.samples, 0);
		p->extra.taken = 0;
		CHECK_EQ(rshi_pool_read(p, emit, &s), 0);
		CHECK_EQ(s.samples, 2);
		CHECK_EQ(s.lost[RSHI_LOST_EXTRA], 1);
		CHECK_EQ(s.lost[RSHI_LOST_BUSY], 1);
		rshi_pool_destroy(p);
	}
	CHECK_EQ(seen.samples, before);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < RINGS - 1; i++)
		CHECK_EQ(pthread_join(keepers[i], NULL), 0);
	check_equal();
	CHECK_EQ(seen.lost[RSHI_LOST_EXTRA], lost);
}

static void test_a_sink_that_fails_loses_nothing_that_it_did_not_get(void)
{
	struct rshi_pool_account account;

	sampling_take_sig(5);
	seen.stop_after = seen.calls + 1;
	CHECK_EQ(rshi_pool_read(pool, emit, &seen), EIO);
	seen.stop_after = 0;
	check_equal();
	rshi_pool_account(pool, &account);
	CHECK_EQ(account.delivered, seen.samples);
}

static atomic_int working;

static void *work(void *arg)
{
	for (int i = 0; i < SAMPLES / 20; i++) {
		sampling_take_sig(20);
		sched_yield();
	}
	sampling_end_thread_sig();
	atomic_fetch_sub(&working, 1);
	return arg;
}

/* Many short threads, some without a ring; the reader sleeps until there is something to do. */
static void *start_threads(void *arg)
{
	pthread_t threads[WORKERS];

	for (int i = 0; i < THREADS; i += WORKERS) {
		for (int j = 0; j < WORKERS; j++)
			CHECK_EQ(pthread_create(&threads[j], NULL, work, NULL), 0);
		for (int j = 0; j < WORKERS; j++)
			CHECK_EQ(pthread_join(threads[j], NULL), 0);
	}
	return arg;
}

static void test_threads_that_come_and_go(void)
{
	uint64_t before = sampling_count_sig();
	pthread_t starter;

	atomic_store(&working, THREADS);
	CHECK_EQ(pthread_create(&starter, NULL, start_threads, NULL), 0);
	while (atomic_load(&working)) {
		rshi_pool_wait(pool, 10000000);
		CHECK_EQ(rshi_pool_read(pool, emit, &seen), 0);
	}
	CHECK_EQ(pthread_join(starter, NULL), 0);
	CHECK_EQ(sampling_count_sig() - before, (uint64_t)THREADS * SAMPLES);
	check_equal();
	CHECK_EQ(seen.roots, seen.samples);
	printf("%llu samples, %llu of them extra; lost: %llu overflow, %llu extra, %llu busy; "
	       "woken "
	       "%u times\n",
	       (unsigned long long)seen.samples, (unsigned long long)seen.extra,
	       (unsigned long long)seen.lost[RSHI_LOST_OVERFLOW],
	       (unsigned long long)seen.lost[RSHI_LOST_EXTRA],
	       (unsigned long long)seen.lost[RSHI_LOST_BUSY], pool->bell.wakes);
}

int main(void)
{
	test_arguments();
	test_rings_are_claimed_once_and_come_back();
	CHECK_EQ(rshi_pool_create(RINGS, SIZE, SAMPLING_HEADER, &pool), 0);
	CHECK_EQ(sampling_start_sig(pool), 0);
	test_losses_come_out_once();
	test_threads_without_a_ring();
	test_a_sink_that_fails_loses_nothing_that_it_did_not_get();
	test_threads_that_come_and_go();
	return 0;
}
