/* SPDX-License-Identifier: BSD-2-Clause */
/* Each function that waits: who has waited, for what, how long; and who is charged with it. */

#include <errno.h>
#include <semaphore.h>
#include <threads.h>

#include "waiting.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
/* Some functions ThreadSanitizer does not know, and takes locks for free that are not. */
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define UNKNOWN_TO_TSAN 0
#else
#define UNKNOWN_TO_TSAN 1
#endif

#define WAITERS 4

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_t joined;
static sem_t sem, joined_may_end;
static mtx_t mtx;
static cnd_t cnd;
static struct timespec later[2]; /* on CLOCK_REALTIME and CLOCK_MONOTONIC */
static int is_signalled;         /* guarded by the mutex that goes with it */

IN(in_mutex) void wait_mutex(void)
{
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
}

IN(in_timed_mutex) void wait_timed_mutex(void)
{
	CHECK_EQ(pthread_mutex_timedlock(&mutex, &later[0]), 0);
}

IN(in_clock_mutex) void wait_clock_mutex(void)
{
	CHECK_EQ(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &later[1]), 0);
}

static void take_mutex(void)
{
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
}

IN(in_unlock) void unlock_mutex(void)
{
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

/* The owner's id is in the word of these two. */
static pthread_mutex_t inheriting, robust;

static void make_others(void)
{
	pthread_mutexattr_t attr;

	CHECK_EQ(pthread_mutexattr_init(&attr), 0);
	CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
	CHECK_EQ(pthread_mutex_init(&inheriting, &attr), 0);
	CHECK_EQ(pthread_mutexattr_destroy(&attr), 0);
	CHECK_EQ(pthread_mutexattr_init(&attr), 0);
	CHECK_EQ(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), 0);
	CHECK_EQ(pthread_mutex_init(&robust, &attr), 0);
	CHECK_EQ(pthread_mutexattr_destroy(&attr), 0);
}

IN(in_inheriting) void wait_inheriting(void)
{
	CHECK_EQ(pthread_mutex_lock(&inheriting), 0);
}

static void take_inheriting(void)
{
	CHECK_EQ(pthread_mutex_lock(&inheriting), 0);
}

IN(in_inheriting_unlock) void unlock_inheriting(void)
{
	CHECK_EQ(pthread_mutex_unlock(&inheriting), 0);
}

IN(in_robust) void wait_robust(void)
{
	CHECK_EQ(pthread_mutex_lock(&robust), 0);
}

static void take_robust(void)
{
	CHECK_EQ(pthread_mutex_lock(&robust), 0);
}

IN(in_robust_unlock) void unlock_robust(void)
{
	CHECK_EQ(pthread_mutex_unlock(&robust), 0);
}

IN(in_mtx) void wait_mtx(void)
{
	CHECK_EQ(mtx_lock(&mtx), thrd_success);
}

IN(in_timed_mtx) void wait_timed_mtx(void)
{
	CHECK_EQ(mtx_timedlock(&mtx, &later[0]), thrd_success);
}

static void take_mtx(void)
{
	CHECK_EQ(mtx_lock(&mtx), thrd_success);
}

IN(in_mtx_unlock) void unlock_mtx(void)
{
	CHECK_EQ(mtx_unlock(&mtx), thrd_success);
}

IN(in_read) void wait_read(void)
{
	CHECK_EQ(pthread_rwlock_rdlock(&rwlock), 0);
}

IN(in_timed_read) void wait_timed_read(void)
{
	CHECK_EQ(pthread_rwlock_timedrdlock(&rwlock, &later[0]), 0);
}

IN(in_clock_read) void wait_clock_read(void)
{
	CHECK_EQ(pthread_rwlock_clockrdlock(&rwlock, CLOCK_MONOTONIC, &later[1]), 0);
}

IN(in_write) void wait_write(void)
{
	CHECK_EQ(pthread_rwlock_wrlock(&rwlock), 0);
}

IN(in_timed_write) void wait_timed_write(void)
{
	CHECK_EQ(pthread_rwlock_timedwrlock(&rwlock, &later[0]), 0);
}

IN(in_clock_write) void wait_clock_write(void)
{
	CHECK_EQ(pthread_rwlock_clockwrlock(&rwlock, CLOCK_MONOTONIC, &later[1]), 0);
}

static void take_write(void)
{
	CHECK_EQ(pthread_rwlock_wrlock(&rwlock), 0);
}

static void take_read(void)
{
	CHECK_EQ(pthread_rwlock_rdlock(&rwlock), 0);
}

IN(in_rwunlock) void unlock_rwlock(void)
{
	CHECK_EQ(pthread_rwlock_unlock(&rwlock), 0);
}

IN(in_cond) void wait_cond(void)
{
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	while (!is_signalled)
		CHECK_EQ(pthread_cond_wait(&cond, &mutex), 0);
}

IN(in_timed_cond) void wait_timed_cond(void)
{
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	while (!is_signalled)
		CHECK_EQ(pthread_cond_timedwait(&cond, &mutex, &later[0]), 0);
}

IN(in_clock_cond) void wait_clock_cond(void)
{
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	while (!is_signalled)
		CHECK_EQ(pthread_cond_clockwait(&cond, &mutex, CLOCK_MONOTONIC, &later[1]), 0);
}

static void reset_cond(void)
{
	is_signalled = 0;
}

static void signal_cond(void)
{
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	is_signalled = 1;
	CHECK_EQ(pthread_cond_signal(&cond), 0);
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

IN(in_cnd) void wait_cnd(void)
{
	CHECK_EQ(mtx_lock(&mtx), thrd_success);
	while (!is_signalled)
		CHECK_EQ(cnd_wait(&cnd, &mtx), thrd_success);
}

IN(in_timed_cnd) void wait_timed_cnd(void)
{
	CHECK_EQ(mtx_lock(&mtx), thrd_success);
	while (!is_signalled)
		CHECK_EQ(cnd_timedwait(&cnd, &mtx, &later[0]), thrd_success);
}

static void signal_cnd(void)
{
	CHECK_EQ(mtx_lock(&mtx), thrd_success);
	is_signalled = 1;
	CHECK_EQ(cnd_signal(&cnd), thrd_success);
	CHECK_EQ(mtx_unlock(&mtx), thrd_success);
}

IN(in_sem) void wait_sem(void)
{
	CHECK_EQ(sem_wait(&sem), 0);
}

IN(in_timed_sem) void wait_timed_sem(void)
{
	CHECK_EQ(sem_timedwait(&sem, &later[0]), 0);
}

IN(in_clock_sem) void wait_clock_sem(void)
{
	CHECK_EQ(sem_clockwait(&sem, CLOCK_MONOTONIC, &later[1]), 0);
}

static void post(void)
{
	CHECK_EQ(sem_post(&sem), 0);
}

IN(in_barrier) void wait_barrier(void)
{
	int result = pthread_barrier_wait(&barrier);

	CHECK(!result || result == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void *end_when_told(void *arg)
{
	CHECK_EQ(sem_wait(&joined_may_end), 0);
	return arg;
}

static void make_thread(void)
{
	CHECK_EQ(pthread_create(&joined, NULL, end_when_told, NULL), 0);
}

static void let_thread_end(void)
{
	CHECK_EQ(sem_post(&joined_may_end), 0);
}

IN(in_join) void wait_join(void)
{
	CHECK_EQ(pthread_join(joined, NULL), 0);
}

IN(in_timed_join) void wait_timed_join(void)
{
	CHECK_EQ(pthread_timedjoin_np(joined, NULL, &later[0]), 0);
}

IN(in_clock_join) void wait_clock_join(void)
{
	CHECK_EQ(pthread_clockjoin_np(joined, NULL, CLOCK_MONOTONIC, &later[1]), 0);
}

IN(in_thrd_join) void wait_thrd_join(void)
{
	CHECK_EQ(thrd_join(joined, NULL), thrd_success);
}

static void nothing(void)
{
}

struct operation {
	const char *name;
	uint32_t kind;
	void (*wait)(void);
	const char *start, *stop; /* of wait */
	void (*prepare)(void);    /* so that it waits */
	void (*let)(void);        /* lets it go on */
	void (*after)(void);      /* by who has waited */
	int is_run;
};

static const struct operation operations[] = {
        {"mutex", RSH_LOCK_MUTEX, wait_mutex, AT(in_mutex), take_mutex, unlock_mutex, unlock_mutex,
         1},
        {"timed mutex", RSH_LOCK_MUTEX, wait_timed_mutex, AT(in_timed_mutex), take_mutex,
         unlock_mutex, unlock_mutex, 1},
        {"clock mutex", RSH_LOCK_MUTEX, wait_clock_mutex, AT(in_clock_mutex), take_mutex,
         unlock_mutex, unlock_mutex, UNKNOWN_TO_TSAN},
        {"mtx", RSH_LOCK_MUTEX, wait_mtx, AT(in_mtx), take_mtx, unlock_mtx, unlock_mtx, 1},
        {"timed mtx", RSH_LOCK_MUTEX, wait_timed_mtx, AT(in_timed_mtx), take_mtx, unlock_mtx,
         unlock_mtx, 1},
        {"read", RSH_LOCK_READ, wait_read, AT(in_read), take_write, unlock_rwlock, unlock_rwlock,
         1},
        {"timed read", RSH_LOCK_READ, wait_timed_read, AT(in_timed_read), take_write, unlock_rwlock,
         unlock_rwlock, 1},
        {"clock read", RSH_LOCK_READ, wait_clock_read, AT(in_clock_read), take_write, unlock_rwlock,
         unlock_rwlock, UNKNOWN_TO_TSAN},
        {"write", RSH_LOCK_WRITE, wait_write, AT(in_write), take_read, unlock_rwlock, unlock_rwlock,
         1},
        {"timed write", RSH_LOCK_WRITE, wait_timed_write, AT(in_timed_write), take_write,
         unlock_rwlock, unlock_rwlock, 1},
        {"clock write", RSH_LOCK_WRITE, wait_clock_write, AT(in_clock_write), take_write,
         unlock_rwlock, unlock_rwlock, UNKNOWN_TO_TSAN},
        {"cond", RSH_LOCK_COND, wait_cond, AT(in_cond), reset_cond, signal_cond, unlock_mutex, 1},
        {"timed cond", RSH_LOCK_COND, wait_timed_cond, AT(in_timed_cond), reset_cond, signal_cond,
         unlock_mutex, 1},
        {"clock cond", RSH_LOCK_COND, wait_clock_cond, AT(in_clock_cond), reset_cond, signal_cond,
         unlock_mutex, UNKNOWN_TO_TSAN},
        {"cnd", RSH_LOCK_COND, wait_cnd, AT(in_cnd), reset_cond, signal_cnd, unlock_mtx,
         UNKNOWN_TO_TSAN},
        {"timed cnd", RSH_LOCK_COND, wait_timed_cnd, AT(in_timed_cnd), reset_cond, signal_cnd,
         unlock_mtx, UNKNOWN_TO_TSAN},
        {"sem", RSH_LOCK_SEM, wait_sem, AT(in_sem), nothing, post, nothing, 1},
        {"timed sem", RSH_LOCK_SEM, wait_timed_sem, AT(in_timed_sem), nothing, post, nothing, 1},
        {"clock sem", RSH_LOCK_SEM, wait_clock_sem, AT(in_clock_sem), nothing, post, nothing, 1},
        {"barrier", RSH_LOCK_BARRIER, wait_barrier, AT(in_barrier), nothing, wait_barrier, nothing,
         1},
        {"join", RSH_LOCK_JOIN, wait_join, AT(in_join), make_thread, let_thread_end, nothing, 1},
        {"timed join", RSH_LOCK_JOIN, wait_timed_join, AT(in_timed_join), make_thread,
         let_thread_end, nothing, 1},
        {"clock join", RSH_LOCK_JOIN, wait_clock_join, AT(in_clock_join), make_thread,
         let_thread_end, nothing, UNKNOWN_TO_TSAN},
        {"thrd_join", RSH_LOCK_JOIN, wait_thrd_join, AT(in_thrd_join), make_thread, let_thread_end,
         nothing, UNKNOWN_TO_TSAN},
        {"inheriting mutex", RSH_LOCK_MUTEX, wait_inheriting, AT(in_inheriting), take_inheriting,
         unlock_inheriting, unlock_inheriting, 1},
        {"robust mutex", RSH_LOCK_MUTEX, wait_robust, AT(in_robust), take_robust, unlock_robust,
         unlock_robust, 1},
};

struct waiter {
	pthread_t thread;
	const struct operation *operation;
	atomic_int tid;
};

static void *run(void *arg)
{
	struct waiter *w = arg;

	atomic_store(&w->tid, (int)syscall(SYS_gettid));
	w->operation->wait();
	w->operation->after();
	return NULL;
}

/*
 * Let @n threads wait. Returns what they have waited in all at least, and by *@most at most.
 */
static int64_t wait_together(const struct operation *o, int n, int64_t *most)
{
	struct waiter waiters[WAITERS];
	int64_t begin, asleep, let;

	o->prepare();
	begin = now();
	for (int i = 0; i < n; i++) {
		waiters[i].operation = o;
		atomic_init(&waiters[i].tid, 0);
		CHECK_EQ(pthread_create(&waiters[i].thread, NULL, run, &waiters[i]), 0);
	}
	for (int i = 0; i < n; i++)
		await_sleep(&waiters[i].tid);
	asleep = now();
	usleep(20000);
	let = now();
	o->let();
	for (int i = 0; i < n; i++)
		CHECK_EQ(pthread_join(waiters[i].thread, NULL), 0);
	*most = n * (now() - begin);
	return n * (let - asleep);
}

/* The two clocks were compared for some milliseconds only. */
static void check_delay(uint64_t delay, int64_t least, int64_t most)
{
	CHECK((double)delay > 0.99 * (double)least);
	CHECK((double)delay < 1.01 * (double)most);
}

static void test_each_function_that_waits(void)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		const struct operation *o = &operations[i];
		struct rsh_lock_record before, sum;
		int64_t least, most;

		if (!o->is_run)
			continue;
		find(rsh_blockprof_read, o->kind, o->start, o->stop, &before);
		CHECK_EQ(before.n, 0);
		least = wait_together(o, 1, &most);
		find(rsh_blockprof_read, o->kind, o->start, o->stop, &sum);
		if (sum.n != 1)
			fprintf(stderr, "%s\n", o->name);
		CHECK_EQ(sum.n, 1);
		/* A condition may wake who waits for nothing. */
		CHECK(o->kind == RSH_LOCK_COND ? sum.count >= 1 : sum.count == 1);
		check_delay(sum.delay, least, most);
	}
}

/* The charge for @n waiters of the operation @name. */
static void check_charge(const char *name, uint32_t kind, const char *start, const char *stop,
                         int n)
{
	const struct operation *o = operations;
	struct rsh_lock_record before, after;
	int64_t least, most;

	while (strcmp(o->name, name))
		o++;
	find(rsh_mutexprof_read, kind, start, stop, &before);
	least = wait_together(o, n, &most);
	find(rsh_mutexprof_read, kind, start, stop, &after);
	/* Those who are let in one after the other keep the rest waiting. */
	CHECK(after.count > before.count);
	CHECK(after.count <= before.count + (uint64_t)n);
	check_delay(after.delay - before.delay, least, most);
}

static void test_unlocks_are_charged_with_all_waiters(void)
{
	check_charge("mutex", RSH_LOCK_MUTEX, AT(in_unlock), WAITERS);
	check_charge("mtx", RSH_LOCK_MUTEX, AT(in_mtx_unlock), WAITERS);
	check_charge("inheriting mutex", RSH_LOCK_MUTEX, AT(in_inheriting_unlock), WAITERS);
	check_charge("robust mutex", RSH_LOCK_MUTEX, AT(in_robust_unlock), WAITERS);
	check_charge("read", RSH_LOCK_WRITE, AT(in_rwunlock), WAITERS);
	check_charge("write", RSH_LOCK_WRITE, AT(in_rwunlock), 1);
}

static atomic_int mutex_waiter;

IN(in_cond_unlock) void wait_and_unlock(void)
{
	while (!is_signalled)
		CHECK_EQ(pthread_cond_wait(&cond, &mutex), 0);
}

static void *signal_it(void *arg)
{
	atomic_store(&mutex_waiter, (int)syscall(SYS_gettid));
	signal_cond();
	return arg;
}

static void test_a_condition_unlocks_its_mutex(void)
{
	struct rsh_lock_record sum;
	pthread_t thread;
	int64_t asleep;

	is_signalled = 0;
	take_mutex();
	CHECK_EQ(pthread_create(&thread, NULL, signal_it, NULL), 0);
	await_sleep(&mutex_waiter);
	asleep = now();
	usleep(20000);
	asleep = now() - asleep;
	wait_and_unlock();
	unlock_mutex();
	CHECK_EQ(pthread_join(thread, NULL), 0);
	find(rsh_mutexprof_read, RSH_LOCK_MUTEX, AT(in_cond_unlock), &sum);
	CHECK_EQ(sum.n, 1);
	CHECK((double)sum.delay > 0.99 * (double)asleep);
}

static void test_what_does_not_wait_is_not_counted(void)
{
	pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
	pthread_mutex_t checking = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
	struct rsh_lockprof_stats before, after;

	CHECK_EQ(rsh_lockprof_stats(&before), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_mutex_lock(&recursive), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_mutex_unlock(&recursive), 0);
	CHECK_EQ(pthread_mutex_lock(&checking), 0);
	CHECK_EQ(pthread_mutex_lock(&checking), EDEADLK);
	CHECK_EQ(pthread_mutex_unlock(&checking), 0);
	take_read();
	take_read();
	unlock_rwlock();
	unlock_rwlock();
	take_write();
	unlock_rwlock();
	take_read();
	unlock_rwlock();
	take_mutex();
	unlock_mutex();
	post();
	wait_sem();
	CHECK_EQ(rsh_lockprof_stats(&after), 0);
	CHECK_EQ(after.waits, before.waits);
	CHECK_EQ(after.unlocks, before.unlocks);
}

int main(void)
{
	clock_gettime(CLOCK_REALTIME, &later[0]);
	clock_gettime(CLOCK_MONOTONIC, &later[1]);
	later[0].tv_sec += 1000;
	later[1].tv_sec += 1000;
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
	CHECK_EQ(sem_init(&sem, 0, 0), 0);
	CHECK_EQ(sem_init(&joined_may_end, 0, 0), 0);
	CHECK_EQ(mtx_init(&mtx, mtx_timed), thrd_success);
	CHECK_EQ(cnd_init(&cnd), thrd_success);
	make_others();
	start_profiles(1, 1);
	test_each_function_that_waits();
	test_unlocks_are_charged_with_all_waiters();
	test_a_condition_unlocks_its_mutex();
	test_what_does_not_wait_is_not_counted();
	return 0;
}
