/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read of the lock profile, what stays in it, and whose it is. */

#include <errno.h>
#include <semaphore.h>
#include <sys/wait.h>

#include "waiting.h"

static sem_t sem;

IN(in_sem) void wait_sem(void)
{
	CHECK_EQ(sem_wait(&sem), 0);
}

IN(in_other) void wait_in_vain(void)
{
	static struct timespec past;

	CHECK_EQ(sem_timedwait(&sem, &past), -1);
	CHECK_EQ(errno, ETIMEDOUT);
}

static void test_values_stay_when_the_rates_change(void)
{
	static struct rsh_lock_record before[RECORDS], after[RECORDS];
	static const struct rsh_lockprof_options rates[] = {{0, 0}, {1000000000, 1000}, {1, 1}};
	size_t n, m;

	CHECK_EQ(rsh_blockprof_read(before, RECORDS, &n), 0);
	CHECK(n > 0);
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		CHECK_EQ(rsh_lockprof_start(&rates[i]), 0);
		CHECK_EQ(rsh_blockprof_read(after, RECORDS, &m), 0);
		CHECK_EQ(m, n);
		CHECK(!memcmp(before, after, n * sizeof(*before)));
	}
	CHECK_EQ(rsh_lockprof_stop(), 0);
	CHECK_EQ(rsh_lockprof_stop(), ESRCH);
	CHECK_EQ(rsh_blockprof_read(after, RECORDS, &m), 0);
	CHECK_EQ(m, n);
	CHECK(!memcmp(before, after, n * sizeof(*before)));
	start_profiles(1, 1);
}

static void test_reading(void)
{
	static struct rsh_lock_record records[RECORDS], marked;
	size_t n = 0, got;

	CHECK_EQ(rsh_blockprof_read(NULL, 0, &n), ERANGE);
	CHECK(n > 1 && n < RECORDS);
	memset(&marked, 0xa5, sizeof(marked));
	for (size_t i = 0; i < RECORDS; i++)
		records[i] = marked;
	CHECK_EQ(rsh_blockprof_read(records, n - 1, &got), ERANGE);
	CHECK_EQ(got, n);
	for (size_t i = 0; i < RECORDS; i++)
		CHECK(!memcmp(&records[i], &marked, sizeof(marked)));
	CHECK_EQ(rsh_blockprof_read(records, RECORDS, &got), 0);
	CHECK_EQ(got, n);
	for (size_t i = 0; i < n; i++) {
		CHECK(records[i].n > 1);
		for (uint32_t k = 0; k < RSH_LOCKPROF_DEPTH; k++)
			CHECK_EQ(!records[i].pcs[k], k >= records[i].n);
		for (size_t k = 0; k < i; k++)
			CHECK(memcmp(records[i].pcs, records[k].pcs, sizeof(marked.pcs)));
	}
	for (size_t i = n; i < RECORDS; i++)
		CHECK(!memcmp(&records[i], &marked, sizeof(marked)));
	CHECK_EQ(rsh_blockprof_read(records, RECORDS, NULL), EINVAL);
	CHECK_EQ(rsh_blockprof_read(NULL, 1, &got), EINVAL);
	CHECK_EQ(rsh_lockprof_stats(NULL), EINVAL);
}

/* A recursive function, so that the stack is as deep as wanted. */
IN(in_depth) int deep(int depth)
{
	static struct timespec past;
	int result = depth ? deep(depth - 1) : sem_timedwait(&sem, &past);

	/* No jump at the end. */
	return result ? -1 : 0;
}

static void test_deep_stacks(void)
{
	struct rsh_lock_record sum;

	for (int i = 0; i < 3; i++)
		CHECK_EQ(deep(RSH_LOCKPROF_DEPTH + 20), -1);
	find(rsh_blockprof_read, RSH_LOCK_SEM, AT(in_depth), &sum);
	CHECK_EQ(sum.n, 1);
	CHECK_EQ(sum.count, 3);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

IN(in_waits) int wait_deep(int depth)
{
	static struct timespec past;
	int result = depth ? wait_deep(depth - 1) : sem_timedwait(&sem, &past);

	return result ? -1 : 0;
}

IN(in_unlocks) int unlock_deep(int depth)
{
	int result = depth ? unlock_deep(depth - 1) : pthread_mutex_unlock(&mutex);

	return result ? -1 : 0;
}

static void *wait_for_mutex(void *arg)
{
	atomic_store((atomic_int *)arg, (int)syscall(SYS_gettid));
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
	return NULL;
}

static void let_wait(int depth)
{
	pthread_t thread;
	atomic_int tid;

	atomic_init(&tid, 0);
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	CHECK_EQ(pthread_create(&thread, NULL, wait_for_mutex, &tid), 0);
	await_sleep(&tid);
	CHECK_EQ(unlock_deep(depth), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* From one place, so that nothing but the depth makes stacks different. */
static void go(read_function *read, int depth)
{
	if (read == rsh_blockprof_read)
		CHECK_EQ(wait_deep(depth), -1);
	else
		let_wait(depth);
}

/* The record of an event at @depth in [start, stop), where there have been @n others. */
static struct rsh_lock_record at_depth(read_function *read, int depth, const char *start,
                                       const char *stop, const struct rsh_lock_record *others,
                                       size_t n)
{
	static struct rsh_lock_record records[RECORDS];
	struct rsh_lock_record found = {0};
	size_t got, is_new;

	go(read, depth);
	CHECK_EQ(read(records, RECORDS, &got), 0);
	for (size_t i = 0; i < got; i++) {
		is_new = is_in(&records[i], start, stop);
		for (size_t k = 0; k < n; k++)
			is_new = is_new && memcmp(records[i].pcs, others[k].pcs, sizeof(found.pcs));
		if (!is_new)
			continue;
		CHECK(!found.n);
		found = records[i];
	}
	CHECK_EQ(found.count, 1);
	return found;
}

/* With one frame less, or more, than a record has room for. */
static void test_a_stack_that_just_fits(read_function *read, const char *start, const char *stop)
{
	enum { SHALLOW, LESS, FITS, MORE, DEPTHS };
	struct rsh_lock_record r[DEPTHS];
	int depth = 3;

	r[SHALLOW] = at_depth(read, depth, start, stop, NULL, 0);
	CHECK(r[SHALLOW].n < RSH_LOCKPROF_DEPTH - 1);
	depth += RSH_LOCKPROF_DEPTH - (int)r[SHALLOW].n - FITS;
	for (int i = LESS; i <= MORE; i++)
		r[i] = at_depth(read, depth + i, start, stop, r, (size_t)i);
	CHECK_EQ(r[LESS].n, RSH_LOCKPROF_DEPTH - 1);
	CHECK_EQ(r[LESS].pcs[RSH_LOCKPROF_DEPTH - 1], 0);
	CHECK_EQ(r[FITS].n, RSH_LOCKPROF_DEPTH);
	CHECK_EQ(r[MORE].n, RSH_LOCKPROF_DEPTH);
	/* The root is there as long as there is room for it, and what is left out is at that end. */
	CHECK_EQ(r[LESS].pcs[r[LESS].n - 1], r[SHALLOW].pcs[r[SHALLOW].n - 1]);
	CHECK_EQ(r[FITS].pcs[r[FITS].n - 1], r[SHALLOW].pcs[r[SHALLOW].n - 1]);
	CHECK_EQ(r[MORE].pcs[r[MORE].n - 1], r[FITS].pcs[r[FITS].n - 2]);
	CHECK(r[MORE].pcs[r[MORE].n - 1] != r[FITS].pcs[r[FITS].n - 1]);
	CHECK_EQ(r[MORE].pcs[0], r[FITS].pcs[0]);
}

static void test_a_forked_child_has_its_own(void)
{
	static struct rsh_lock_record records[RECORDS];
	struct rsh_lock_record before, after;
	size_t got = 1;
	int status;
	pid_t child;

	find(rsh_blockprof_read, RSH_LOCK_SEM, AT(in_depth), &before);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		CHECK_EQ(rsh_blockprof_read(records, RECORDS, &got), 0);
		CHECK_EQ(got, 0);
		CHECK_EQ(deep(3), -1);
		CHECK_EQ(rsh_blockprof_read(records, RECORDS, &got), 0);
		CHECK_EQ(got, 1);
		CHECK_EQ(records[0].count, 1);
		_exit(7);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 7);
	find(rsh_blockprof_read, RSH_LOCK_SEM, AT(in_depth), &after);
	CHECK(!memcmp(&before, &after, sizeof(before)));
}

static void *wait_for_ever(void *arg)
{
	atomic_store((atomic_int *)arg, (int)syscall(SYS_gettid));
	wait_sem();
	return NULL;
}

static void test_a_wait_may_be_cancelled(void)
{
	pthread_t thread;
	atomic_int tid;
	void *result;

	atomic_init(&tid, 0);
	CHECK_EQ(pthread_create(&thread, NULL, wait_for_ever, &tid), 0);
	await_sleep(&tid);
	CHECK_EQ(pthread_cancel(thread), 0);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK(result == PTHREAD_CANCELED);
}

int main(void)
{
	struct rsh_lockprof_stats stats;
	struct rsh_lock_record sum;

	CHECK_EQ(rsh_lockprof_stats(&stats), ESRCH);
	CHECK_EQ(rsh_lockprof_stop(), ESRCH);
	CHECK_EQ(sem_init(&sem, 0, 0), 0);
	wait_in_vain();
	start_profiles(1, 1);
	find(rsh_blockprof_read, RSH_LOCK_SEM, AT(in_other), &sum);
	CHECK_EQ(sum.n, 0);
	wait_in_vain();
	find(rsh_blockprof_read, RSH_LOCK_SEM, AT(in_other), &sum);
	CHECK_EQ(sum.count, 1);
	test_deep_stacks();
	test_a_stack_that_just_fits(rsh_blockprof_read, AT(in_waits));
	test_a_stack_that_just_fits(rsh_mutexprof_read, AT(in_unlocks));
	test_a_wait_may_be_cancelled();
	test_reading();
	test_values_stay_when_the_rates_change();
	test_a_forked_child_has_its_own();
	return 0;
}
