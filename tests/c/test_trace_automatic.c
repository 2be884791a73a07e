/* SPDX-License-Identifier: BSD-2-Clause */
/* Events that nobody has written into the program: threads, waits, calls. */

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

#include <raceshim/trace.h>

#include "trace_reading.h"
#include "waiting.h"

#define MIB     ((size_t)1 << 20)
#define LONG_MS 1000000u
#define MOST    4096
#define THREADS 60
#define ROUNDS  3

/* Room for all of a test's threads: on a busy machine nobody may come to empty a buffer in time. */
static const struct rsh_trace_options all = {
        .buffer_bytes = 16 * MIB, .period_ms = LONG_MS, .automatic = RSH_TRACE_AUTO_ALL};
static const struct rsh_trace_options little = {
        .buffer_bytes = MIB, .period_ms = LONG_MS, .automatic = RSH_TRACE_AUTO_ALL};
static const struct rsh_trace_options none = {.buffer_bytes = MIB, .period_ms = LONG_MS};

struct seen {
	uint32_t tid;
	enum rshi_trace_kind kind;
	uint64_t a, b, time;
	char name[24];
};

static struct seen seen[MOST];
static size_t count;

static void note(void *unused, const struct trace_event *e)
{
	struct seen *s = &seen[count++];

	(void)unused;
	CHECK(count <= MOST);
	*s = (struct seen){e->tid, e->kind, e->a, e->b, e->time, ""};
	strncpy(s->name, e->name, sizeof(s->name) - 1);
}

/* End the trace; what it had is in seen[], thread by thread. */
static void finish(void)
{
	struct trace_reading r = {.see = note};

	count = 0;
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	CHECK_EQ(r.lost, 0);
	CHECK_EQ(r.events, count);
	trace_forget(&r);
}

static size_t how_many(enum rshi_trace_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += seen[i].kind == kind;
	return n;
}

/* Of libc there may be others: behind a detector that is linked in they are noted, too. */
static size_t calls_of(const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += seen[i].kind == RSHI_TRACE_CALL && !strcmp(seen[i].name, name);
	return n;
}

static int is_begin(enum rshi_trace_kind kind)
{
	return kind == RSHI_TRACE_WAIT || kind == RSHI_TRACE_CALL;
}

/* Each end is of what has begun last in its thread, and nothing is open where a thread ends. */
static void check_nesting(void)
{
	const struct seen *open[16];
	size_t depth = 0;

	for (size_t i = 0; i < count; i++) {
		const struct seen *s = &seen[i];

		if (i && s->tid != seen[i - 1].tid)
			depth = 0;
		if (is_begin(s->kind)) {
			CHECK(depth < 16);
			open[depth++] = s;
		} else if (s->kind == RSHI_TRACE_WAIT_END) {
			CHECK(depth > 0);
			depth--;
			CHECK_EQ(open[depth]->kind, RSHI_TRACE_WAIT);
			CHECK_EQ(open[depth]->a, s->a);
			CHECK_EQ(open[depth]->b, s->b);
		} else if (s->kind == RSHI_TRACE_CALL_END) {
			CHECK(depth > 0);
			depth--;
			CHECK_EQ(open[depth]->kind, RSHI_TRACE_CALL);
			CHECK(!strcmp(open[depth]->name, s->name));
		} else if (s->kind == RSHI_TRACE_THREAD_END) {
			CHECK_EQ(depth, 0);
		}
	}
}

/* How often it has been waited for this. */
static size_t waits(enum rshi_trace_wait what, uintptr_t of)
{
	size_t begun = 0, ended = 0;

	for (size_t i = 0; i < count; i++) {
		const struct seen *s = &seen[i];

		begun += s->kind == RSHI_TRACE_WAIT && s->a == what && s->b == of;
		ended += s->kind == RSHI_TRACE_WAIT_END && s->a == what && s->b == of;
	}
	CHECK_EQ(begun, ended);
	return begun;
}

static void *do_nothing(void *arg)
{
	return arg;
}

static void *leave_by_exit(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

static void *make_one(void *tid)
{
	pthread_t t;

	*(int *)tid = (int)syscall(SYS_gettid);
	CHECK_EQ(pthread_create(&t, NULL, leave_by_exit, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	return NULL;
}

static uint32_t me(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

static void test_threads_are_made_begin_and_end(void)
{
	size_t made_here = 0, made_there = 0, alive = 0;
	pthread_t t[2];
	int maker = 0;

	CHECK_EQ(rsh_trace_start(&all), 0);
	for (int i = 0; i < THREADS; i++) {
		CHECK_EQ(pthread_create(&t[0], NULL, do_nothing, NULL), 0);
		CHECK_EQ(pthread_create(&t[1], NULL, leave_by_exit, NULL), 0);
		CHECK_EQ(pthread_join(t[0], NULL), 0);
		CHECK_EQ(pthread_join(t[1], NULL), 0);
	}
	CHECK_EQ(pthread_create(&t[0], NULL, make_one, &maker), 0);
	CHECK_EQ(pthread_join(t[0], NULL), 0);
	finish();
	check_nesting();
	CHECK_EQ(how_many(RSHI_TRACE_THREAD), 2 * THREADS + 2);
	CHECK_EQ(how_many(RSHI_TRACE_THREAD_END), 2 * THREADS + 2);
	for (size_t i = 0; i < count; i++) {
		const struct seen *s = &seen[i];

		made_here += s->kind == RSHI_TRACE_THREAD && s->a == me();
		made_there += s->kind == RSHI_TRACE_THREAD && s->a == (uint64_t)maker;
		/* Between its beginning and its end, and nowhere else. */
		CHECK(alive <= 1);
		if (s->kind == RSHI_TRACE_THREAD)
			CHECK_EQ(alive++, 0);
		else if (s->tid != me())
			CHECK_EQ(alive, 1);
		alive -= s->kind == RSHI_TRACE_THREAD_END;
	}
	CHECK_EQ(made_here, 2 * THREADS + 1);
	/* A thread's id may come again. */
	CHECK(made_there >= 1);
}

static void test_an_arrow_goes_from_the_maker_to_the_thread(void)
{
	const struct seen *leaves = NULL, *arrives = NULL;
	pthread_t t;

	CHECK_EQ(rsh_trace_start(&all), 0);
	CHECK_EQ(pthread_create(&t, NULL, do_nothing, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	finish();
	for (size_t i = 0; i < count; i++) {
		if (seen[i].kind == RSHI_TRACE_FLOW)
			leaves = &seen[i];
		if (seen[i].kind == RSHI_TRACE_FLOW_END)
			arrives = &seen[i];
	}
	CHECK(leaves && arrives);
	CHECK_EQ(leaves->a, arrives->a);
	CHECK_EQ(leaves->tid, me());
	CHECK(arrives->tid != me());
	CHECK(!strcmp(leaves->name, "pthread_create"));
	CHECK(leaves->time < arrives->time);
}

static void test_a_thread_that_is_not_made_does_not_begin(void)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	/* More than there is. */
	CHECK_EQ(pthread_attr_setstacksize(&attr, (size_t)1 << 46), 0);
	CHECK_EQ(rsh_trace_start(&all), 0);
	for (int i = 0; i < 1000; i++)
		CHECK(pthread_create(&t, &attr, do_nothing, NULL));
	CHECK_EQ(pthread_create(&t, NULL, do_nothing, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	finish();
	pthread_attr_destroy(&attr);
	CHECK_EQ(how_many(RSHI_TRACE_FLOW), 1001);
	CHECK_EQ(how_many(RSHI_TRACE_THREAD), 1);
	CHECK_EQ(how_many(RSHI_TRACE_THREAD_END), 1);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t sem;
static atomic_int waiter;

enum object { MUTEX, READ, WRITE, COND, SEM, BARRIER, OBJECTS };

static void *wait_for_it(void *object)
{
	atomic_store(&waiter, (int)me());
	switch (*(enum object *)object) {
	case MUTEX:
		CHECK_EQ(pthread_mutex_lock(&mutex), 0);
		CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
		break;
	case READ:
		CHECK_EQ(pthread_rwlock_rdlock(&rwlock), 0);
		CHECK_EQ(pthread_rwlock_unlock(&rwlock), 0);
		break;
	case WRITE:
		CHECK_EQ(pthread_rwlock_wrlock(&rwlock), 0);
		CHECK_EQ(pthread_rwlock_unlock(&rwlock), 0);
		break;
	case COND:
		CHECK_EQ(pthread_mutex_lock(&mutex), 0);
		CHECK_EQ(pthread_cond_wait(&cond, &mutex), 0);
		CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
		break;
	case SEM:
		CHECK_EQ(sem_wait(&sem), 0);
		break;
	default:
		(void)pthread_barrier_wait(&barrier);
		break;
	}
	return NULL;
}

static void hold(enum object o)
{
	if (o == MUTEX)
		CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	if (o == READ || o == WRITE)
		CHECK_EQ(pthread_rwlock_wrlock(&rwlock), 0);
}

static void let_go(enum object o)
{
	switch (o) {
	case MUTEX:
		CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
		break;
	case READ:
	case WRITE:
		CHECK_EQ(pthread_rwlock_unlock(&rwlock), 0);
		break;
	case COND:
		CHECK_EQ(pthread_mutex_lock(&mutex), 0);
		CHECK_EQ(pthread_cond_signal(&cond), 0);
		CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
		break;
	case SEM:
		CHECK_EQ(sem_post(&sem), 0);
		break;
	default:
		(void)pthread_barrier_wait(&barrier);
		break;
	}
}

/* A thread that waits for it, and sleeps. */
static pthread_t make_waiter(enum object *o)
{
	pthread_t t;

	atomic_store(&waiter, 0);
	CHECK_EQ(pthread_create(&t, NULL, wait_for_it, o), 0);
	await_sleep(&waiter);
	return t;
}

static uintptr_t wait_once(enum object o)
{
	pthread_t t;

	hold(o);
	t = make_waiter(&o);
	let_go(o);
	CHECK_EQ(pthread_join(t, NULL), 0);
	return t;
}

static void test_waits_have_their_object(void)
{
	struct rsh_trace_stats stats;
	uintptr_t t;

	CHECK_EQ(rsh_trace_start(&all), 0);
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.automatic, RSH_TRACE_AUTO_ALL);
	for (enum object o = MUTEX; o < OBJECTS; o++)
		t = wait_once(o);
	/* Free ones are not waited for. */
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
	CHECK_EQ(sem_post(&sem), 0);
	CHECK_EQ(sem_wait(&sem), 0);
	finish();
	check_nesting();
	CHECK_EQ(waits(RSHI_TRACE_WAIT_MUTEX, (uintptr_t)&mutex), 1);
	CHECK_EQ(waits(RSHI_TRACE_WAIT_READ, (uintptr_t)&rwlock), 1);
	CHECK_EQ(waits(RSHI_TRACE_WAIT_WRITE, (uintptr_t)&rwlock), 1);
	CHECK_EQ(waits(RSHI_TRACE_WAIT_CONDITION, (uintptr_t)&cond), 1);
	CHECK_EQ(waits(RSHI_TRACE_WAIT_SEMAPHORE, (uintptr_t)&sem), 1);
	/* Who comes last has been at the barrier, too. */
	CHECK_EQ(waits(RSHI_TRACE_WAIT_BARRIER, (uintptr_t)&barrier), 2);
	CHECK(waits(RSHI_TRACE_WAIT_JOIN, t) >= 1);
	/* The control: what is not asked for is not there. */
	CHECK_EQ(rsh_trace_start(&none), 0);
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.automatic, 0);
	for (enum object o = MUTEX; o < OBJECTS; o++)
		(void)wait_once(o);
	finish();
	CHECK_EQ(count, 0);
}

static void test_a_cancelled_wait_ends_with_its_thread(void)
{
	enum object objects[] = {SEM, COND};

	for (int i = 0; i < 2; i++) {
		pthread_t t;

		CHECK_EQ(rsh_trace_start(&all), 0);
		t = make_waiter(&objects[i]);
		CHECK_EQ(pthread_cancel(t), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
		/* Of the condition: the mutex comes back to who is cancelled. */
		if (objects[i] == COND)
			CHECK_EQ(pthread_mutex_init(&mutex, NULL), 0);
		finish();
		check_nesting();
		CHECK_EQ(waits(i ? RSHI_TRACE_WAIT_CONDITION : RSHI_TRACE_WAIT_SEMAPHORE,
		               i ? (uintptr_t)&cond : (uintptr_t)&sem),
		         1);
		CHECK_EQ(how_many(RSHI_TRACE_THREAD_END), 1);
	}
}

static void test_a_wait_ends_in_its_own_trace_only(void)
{
	enum object o = SEM;
	pthread_t t;

	CHECK_EQ(rsh_trace_start(&all), 0);
	t = make_waiter(&o);
	finish();
	CHECK_EQ(how_many(RSHI_TRACE_WAIT), 1);
	CHECK_EQ(how_many(RSHI_TRACE_WAIT_END), 0);
	CHECK_EQ(rsh_trace_start(&all), 0);
	let_go(o);
	CHECK_EQ(pthread_join(t, NULL), 0);
	finish();
	check_nesting();
	CHECK_EQ(waits(RSHI_TRACE_WAIT_SEMAPHORE, (uintptr_t)&sem), 0);
}

static pthread_key_t key;
static atomic_int destroyed;

/* Until the last round but one, as a library would that needs what others destroy. */
static void destroy(void *round)
{
	uintptr_t n = (uintptr_t)round;

	atomic_fetch_add(&destroyed, 1);
	RSH_TRACE_INSTANT("destroyed");
	if (n < ROUNDS)
		CHECK_EQ(pthread_setspecific(key, (void *)(n + 1)), 0);
}

static void *leave_destructors(void *unused)
{
	CHECK_EQ(pthread_setspecific(key, (void *)1), 0);
	return unused;
}

static void test_the_end_comes_behind_destructors(void)
{
	pthread_t t;
	int done = 0;

	CHECK_EQ(pthread_key_create(&key, destroy), 0);
	CHECK_EQ(rsh_trace_start(&all), 0);
	CHECK_EQ(pthread_create(&t, NULL, leave_destructors, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	finish();
	CHECK_EQ(atomic_load(&destroyed), ROUNDS);
	for (size_t i = 0; i < count; i++) {
		done += seen[i].kind == RSHI_TRACE_INSTANT;
		if (seen[i].kind == RSHI_TRACE_THREAD_END)
			CHECK_EQ(done, ROUNDS);
	}
	CHECK_EQ(done, ROUNDS);
}

static struct rsh_trace_source source;
static struct rsh_trace_name reading = {"read", 0}, handling = {"handle", 0};

static void on_signal(int signo)
{
	(void)signo;
	rsh_trace_call_end_sig(rsh_trace_call_sig(&handling, 1));
}

static void test_a_source_is_on_while_it_is_asked_for(void)
{
	const struct rsh_trace_options others = {
	        .period_ms = LONG_MS, .automatic = RSH_TRACE_AUTO_ALL & ~RSH_TRACE_AUTO_CALLS};
	const struct sigaction action = {.sa_handler = on_signal};
	uint64_t call;

	CHECK_EQ(rsh_trace_source_add(NULL), EINVAL);
	CHECK_EQ(rsh_trace_source_remove(&source), ESRCH);
	CHECK_EQ(rsh_trace_source_add(&source), 0);
	CHECK_EQ(rsh_trace_source_add(&source), EBUSY);
	CHECK(!rsh_trace_source_is_on(&source));
	CHECK_EQ(rsh_trace_call_sig(&reading, 7), 0);
	CHECK_EQ(rsh_trace_start(&others), 0);
	CHECK(!rsh_trace_source_is_on(&source));
	CHECK_EQ(rsh_trace_call_sig(&reading, 7), 0);
	finish();
	CHECK_EQ(count, 0);
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(rsh_trace_start(&all), 0);
	CHECK(rsh_trace_source_is_on(&source));
	call = rsh_trace_call_sig(&reading, 7);
	CHECK(call);
	CHECK_EQ(raise(SIGUSR1), 0);
	/* A call that was left by a jump ends with the one that it was in. */
	CHECK(rsh_trace_call_sig(&handling, 2));
	rsh_trace_call_end_sig(call);
	finish();
	CHECK(!rsh_trace_source_is_on(&source));
	check_nesting();
	CHECK_EQ(how_many(RSHI_TRACE_CALL), 3);
	CHECK_EQ(how_many(RSHI_TRACE_CALL_END), 3);
	CHECK_EQ(seen[0].b, 7);
	CHECK(!strcmp(seen[0].name, "read"));
	CHECK_EQ(rsh_trace_source_remove(&source), 0);
	CHECK_EQ(rsh_trace_source_remove(&source), ESRCH);
}

static void test_the_flight_recorder_asks_for_itself(void)
{
	const struct rsh_flight_options flight = {.automatic = RSH_TRACE_AUTO_THREADS};
	const struct rsh_flight_options wrong = {.automatic = RSH_TRACE_AUTO_ALL + 1};
	const struct rsh_trace_options calls = {.automatic = RSH_TRACE_AUTO_CALLS};
	const struct rsh_trace_options unknown = {.automatic = RSH_TRACE_AUTO_ALL + 1};
	struct rsh_trace_stats stats;

	CHECK_EQ(rsh_trace_start(&unknown), EINVAL);
	CHECK_EQ(rsh_flight_start(&wrong), EINVAL);
	CHECK_EQ(rsh_flight_start(&flight), 0);
	CHECK_EQ(rsh_trace_start(&calls), 0);
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.automatic, RSH_TRACE_AUTO_THREADS | RSH_TRACE_AUTO_CALLS);
	finish();
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.automatic, RSH_TRACE_AUTO_THREADS);
	CHECK_EQ(rsh_flight_stop(), 0);
	CHECK_EQ(rsh_trace_stats(&stats), 0);
	CHECK_EQ(stats.automatic, 0);
}

static void test_a_child_has_none(void)
{
	struct rsh_trace_stats stats;
	int status;
	pid_t pid;

	CHECK_EQ(rsh_trace_start(&all), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		CHECK_EQ(rsh_trace_stats(&stats), 0);
		CHECK_EQ(stats.automatic, 0);
		CHECK_EQ(rsh_trace_start(&all), 0);
		CHECK_EQ(rsh_trace_call_sig(&reading, 0) != 0, 1);
		finish();
		CHECK_EQ(calls_of("read"), 1);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	finish();
	CHECK_EQ(calls_of("read"), 0);
}

#define STORM_THREADS 400
#define STORM_CALLS   2000

static void *call_often(void *unused)
{
	for (int i = 0; i < STORM_CALLS; i++)
		rsh_trace_call_end_sig(rsh_trace_call_sig(&reading, (uint64_t)i));
	return unused;
}

static void *make_callers(void *unused)
{
	for (int i = 0; i < STORM_THREADS / 2; i++) {
		pthread_t t;

		CHECK_EQ(pthread_create(&t, NULL, call_often, NULL), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
	}
	return unused;
}

/* Nobody reads until the end, and there is not room for a tenth. */
static void test_each_event_is_there_or_counted(void)
{
	struct trace_reading r = {0};
	pthread_t makers[2];

	CHECK_EQ(rsh_trace_start(&little), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&makers[i], NULL, make_callers, NULL), 0);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(rsh_trace_advance(), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(makers[i], NULL), 0);
	CHECK_EQ(rsh_trace_stop(), 0);
	trace_read_all(&r);
	/* Made, begun, arrived, ended, joined and back; two events of a call. */
	CHECK_EQ(r.events + r.lost, (STORM_THREADS + 2) * 6 + STORM_THREADS * STORM_CALLS * 2);
	CHECK(r.lost > 0);
	trace_forget(&r);
}

int main(void)
{
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
	CHECK_EQ(sem_init(&sem, 0, 0), 0);
	test_threads_are_made_begin_and_end();
	test_an_arrow_goes_from_the_maker_to_the_thread();
	test_a_thread_that_is_not_made_does_not_begin();
	test_waits_have_their_object();
	test_a_cancelled_wait_ends_with_its_thread();
	test_a_wait_ends_in_its_own_trace_only();
	test_the_end_comes_behind_destructors();
	test_a_source_is_on_while_it_is_asked_for();
	test_the_flight_recorder_asks_for_itself();
	test_a_child_has_none();
	test_each_event_is_there_or_counted();
	return 0;
}
