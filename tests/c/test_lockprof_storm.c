/* SPDX-License-Identifier: BSD-2-Clause */
/* Eight threads that want the same locks, others that come and go, forks, and one that reads. */

#include <sys/wait.h>

#include "waiting.h"

#define THREADS 8
#define LOCKS   3
#define ROUNDS  20000
#define FORKS   10

static pthread_mutex_t mutexes[LOCKS] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                         PTHREAD_MUTEX_INITIALIZER};
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long guarded[LOCKS], written;
static atomic_int running = THREADS;

/* Long enough that another thread comes along. */
static void hold(long *value)
{
	for (int i = 0; i < 200; i++)
		*(volatile long *)value += 1;
}

static void *work(void *arg)
{
	uintptr_t chance = (uintptr_t)arg * 7919 + 1;

	for (int i = 0; i < ROUNDS; i++) {
		int which;

		chance = chance * 6364136223846793005u + 1442695040888963407u;
		which = (int)(chance >> 33) % (LOCKS + 1);
		if (which < LOCKS) {
			CHECK_EQ(pthread_mutex_lock(&mutexes[which]), 0);
			hold(&guarded[which]);
			if (!(chance >> 40 & 63))
				usleep(10);
			CHECK_EQ(pthread_mutex_unlock(&mutexes[which]), 0);
		} else if (chance >> 40 & 3) {
			CHECK_EQ(pthread_rwlock_rdlock(&rwlock), 0);
			CHECK_EQ(written % 200, 0);
			CHECK_EQ(pthread_rwlock_unlock(&rwlock), 0);
		} else {
			CHECK_EQ(pthread_rwlock_wrlock(&rwlock), 0);
			hold(&written);
			CHECK_EQ(pthread_rwlock_unlock(&rwlock), 0);
		}
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void *come_and_go(void *arg)
{
	CHECK_EQ(pthread_mutex_lock(&mutexes[0]), 0);
	hold(&guarded[0]);
	CHECK_EQ(pthread_mutex_unlock(&mutexes[0]), 0);
	return arg;
}

static uint64_t total(const struct rsh_lock_record *records, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += records[i].count;
	return sum;
}

/* What was there is there, under the same stack, and has not become less. */
static void check_growth(const struct rsh_lock_record *before, size_t n,
                         const struct rsh_lock_record *after, size_t m)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < m && memcmp(before[i].pcs, after[k].pcs, sizeof(before[i].pcs)))
			k++;
		CHECK(k < m);
		CHECK(after[k].count >= before[i].count);
		CHECK(after[k].delay >= before[i].delay);
		/* Each wait takes a nanosecond at least: the two belong together. */
		CHECK(after[k].delay - before[i].delay >= after[k].count - before[i].count);
	}
}

static void fork_once(void)
{
	static struct rsh_lock_record room[RECORDS];
	pid_t child = fork();
	size_t n = 1;
	int status;

	CHECK(child >= 0);
	if (!child) {
		CHECK_EQ(rsh_blockprof_read(room, RECORDS, &n), 0);
		CHECK_EQ(n, 0);
		CHECK_EQ(rsh_lockprof_stop(), 0);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

int main(void)
{
	static struct rsh_lock_record block[2][RECORDS], mutex[2][RECORDS];
	size_t n[2] = {0, 0}, m[2] = {0, 0};
	struct rsh_lockprof_stats stats;
	pthread_t threads[THREADS];
	int now = 0, forks = 0;

	start_profiles(1, 1);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	while (atomic_load(&running)) {
		pthread_t other;

		CHECK_EQ(pthread_create(&other, NULL, come_and_go, NULL), 0);
		now = !now;
		CHECK_EQ(rsh_blockprof_read(block[now], RECORDS, &n[now]), 0);
		check_growth(block[!now], n[!now], block[now], n[now]);
		CHECK_EQ(rsh_mutexprof_read(mutex[now], RECORDS, &m[now]), 0);
		check_growth(mutex[!now], m[!now], mutex[now], m[now]);
		if (forks < FORKS) {
			fork_once();
			forks++;
		}
		CHECK_EQ(pthread_join(other, NULL), 0);
	}
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(rsh_lockprof_stats(&stats), 0);
	CHECK_EQ(rsh_blockprof_read(block[0], RECORDS, &n[0]), 0);
	CHECK_EQ(rsh_mutexprof_read(mutex[0], RECORDS, &m[0]), 0);
	CHECK(stats.waits > THREADS);
	CHECK(stats.unlocks > 0);
	CHECK_EQ(stats.sampled, stats.waits);
	CHECK_EQ(stats.charged, stats.unlocks);
	CHECK_EQ(total(block[0], n[0]), stats.waits);
	CHECK_EQ(total(mutex[0], m[0]), stats.unlocks);
	CHECK_EQ(stats.unlisted + stats.overflow, 0);
	CHECK_EQ(rsh_lockprof_stop(), 0);
	return 0;
}
