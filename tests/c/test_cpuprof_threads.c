/* SPDX-License-Identifier: BSD-2-Clause */
/* What samples say of threads: how much time they took, what they were at, and nothing of others. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <raceshim/cpuprof.h>

#include "check.h"
#include "core/sys.h"
#include "threads_sig.h"

#define MANY    20
#define SENDERS 10
#define DEEP    300
#define LARGE   ((size_t)256 << 20)

/* In the visible build the profiler's thread is one that ThreadSanitizer sees, also after a fork. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

static atomic_int is_over;

static void start(uint32_t hz, uint32_t clock, uint32_t raw)
{
	const struct rsh_cpuprof_options o = {.hz = hz, .clock = clock, .raw = raw};

	CHECK_EQ(rsh_cpuprof_start(&o), 0);
}

static struct rsh_cpuprof_stats stop(void)
{
	struct rsh_cpuprof_stats s;

	CHECK_EQ(rsh_cpuprof_stop(), 0);
	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	return s;
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + 1e-6 * (double)t->tv_usec;
}

/* Of all threads, and of the kernel for them. */
static double used(void)
{
	struct rusage usage;

	CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
	return seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
}

static double own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *be_busy(void *arg)
{
	volatile unsigned int turns = 0;

	while (own_time() < *(double *)arg) {
		for (int i = 0; i < 10000; i++)
			turns++;
	}
	return arg;
}

/*
 * A thread's timer counts what comes late, so the sum holds on a busy machine too. Not all of what is
 * used has a timer: the profiler's own thread has none, nor one that a detector has begun.
 */
static void check_magnitude(int n)
{
	double time = n == 1 ? 0.5 : 0.3, before, total, sampled;
	struct rsh_cpuprof_stats s;
	pthread_t threads[4];

	start(250, RSH_CPUPROF_TIMER, 0);
	before = used();
	for (int i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, be_busy, &time), 0);
	for (int i = 0; i < n; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	total = used() - before;
	s = stop();
	sampled = (double)s.ticks / s.hz;
	printf("%d threads: %.3f s used, %.3f s sampled\n", n, total, sampled);
	CHECK(sampled > 0.9 * n * time);
	CHECK(sampled < 1.1 * total);
}

__attribute__((noinline)) static uint64_t descend(unsigned int depth)
{
	volatile uint64_t sum = depth;

	if (depth)
		sum += descend(depth - 1);
	else
		send_sig(3);
	return sum;
}

/* Read into what was used before: nothing of that is left behind the last pc. */
static void test_a_deep_stack_is_cut_and_the_rest_is_zero(void)
{
	static struct rsh_cpuprof_record records[8];
	struct rsh_cpuprof_stats s;
	unsigned int deep = 0, all = 0;
	size_t got;

	start(1, RSH_CPUPROF_AUTO, 1);
	CHECK(descend(DEEP) != 0);
	send_sig(3);
	CHECK_EQ(rsh_cpuprof_stop(), 0);
	do {
		memset(records, 0xff, sizeof(records));
		CHECK_EQ(rsh_cpuprof_read(records, 8, &got), 0);
		for (size_t i = 0; i < got; i++) {
			const struct rsh_cpuprof_record *r = &records[i];

			CHECK(r->n > 0 && r->n <= RSH_CPUPROF_DEPTH);
			deep += r->n == RSH_CPUPROF_DEPTH;
			all++;
			for (uint32_t j = 0; j < RSH_CPUPROF_DEPTH; j++)
				CHECK_EQ(r->pcs[j] != 0, j < r->n);
		}
		for (size_t i = got; i < 8; i++)
			CHECK_EQ(records[i].n, UINT32_MAX);
	} while (got);
	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	CHECK(deep >= 3);
	CHECK(all >= 6);
	CHECK_EQ(s.truncated, deep);
}

static atomic_int labelled_tid;

static void *hog_with_labels(void *arg)
{
	volatile unsigned int turns = 0;

	CHECK_EQ(rsh_label_set("hog", "yes"), 0);
	atomic_store(&labelled_tid, rshi_gettid_sig());
	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		/* Others come and go, this one stays. */
		CHECK_EQ(rsh_label_set("turn", turns % 2 ? "odd" : NULL), 0);
		for (int i = 0; i < 1000; i++)
			turns++;
		turns++;
	}
	return arg;
}

static void *hog(void *arg)
{
	volatile unsigned int turns = 0;

	while (!atomic_load_explicit(&is_over, memory_order_relaxed))
		turns++;
	return arg;
}

static int has_label(const struct rsh_cpuprof_record *r, const char *key)
{
	const char *at = r->labels;

	for (uint32_t i = 0; i < r->n_labels; i++) {
		if (!strcmp(at, key))
			return 1;
		at += strlen(at) + 1;
		at += strlen(at) + 1;
	}
	return 0;
}

/* Read while they are set: who has labels always has them, who has none never does. */
static void test_labels_are_those_of_the_thread(void)
{
	static struct rsh_cpuprof_record records[16];
	unsigned int labelled = 0, others = 0;
	pthread_t threads[2];
	size_t got;

	atomic_store(&is_over, 0);
	/* Made before the profile, so that nothing is inherited. */
	CHECK_EQ(pthread_create(&threads[0], NULL, hog_with_labels, NULL), 0);
	CHECK_EQ(pthread_create(&threads[1], NULL, hog, NULL), 0);
	while (!atomic_load(&labelled_tid))
		usleep(1000);
	start(1000, RSH_CPUPROF_AUTO, 1);
	while (labelled < 50 || others < 50) {
		usleep(1000);
		CHECK_EQ(rsh_cpuprof_read(records, 16, &got), 0);
		for (size_t i = 0; i < got; i++) {
			const struct rsh_cpuprof_record *r = &records[i];
			int is_labelled = r->tid == atomic_load(&labelled_tid);

			if (r->lost >= 0)
				continue;
			labelled += is_labelled;
			others += !is_labelled;
			CHECK_EQ(has_label(r, "hog"), is_labelled);
			CHECK(is_labelled || r->n_labels == 0);
		}
	}
	atomic_store(&is_over, 1);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	stop();
}

/* Copying its page tables takes longer than a tick, and is not begun anew for each. */
static void test_a_large_process_can_fork(void)
{
	char *memory =
	        mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	CHECK_EQ(madvise(memory, LARGE, MADV_NOHUGEPAGE), 0);
	for (size_t i = 0; i < LARGE; i += 4096)
		memory[i] = 1;
	start(RSH_CPUPROF_HZ_MAX, RSH_CPUPROF_WALL, 0);
	CHECK_EQ(fflush(stdout), 0);
	for (int i = 0; i < 5; i++) {
		pid_t child = fork();
		int status;

		CHECK(child >= 0);
		if (!child)
			_exit(0);
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
	}
	CHECK(stop().accepted > 0);
	CHECK_EQ(munmap(memory, LARGE), 0);
}

static void *allocate(void *arg)
{
	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		char *p;

		errno = 4711;
		p = malloc(100);
		CHECK(p);
		p[0] = 1;
		free(p);
		CHECK_EQ(errno, 4711);
	}
	return arg;
}

static pthread_t many[MANY];

static void *send(void *arg)
{
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(pthread_kill(many[(i * 7 + (int)(uintptr_t)arg) % MANY], SIGPROF), 0);
	return NULL;
}

/* Wherever they are in the allocator, and whatever it thinks of errno. */
static void test_many_threads_that_allocate(void)
{
	pthread_t senders[SENDERS];
	struct rsh_cpuprof_stats s;
	uint64_t lost = 0;

	atomic_store(&is_over, 0);
	start(100, RSH_CPUPROF_AUTO, 0);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(pthread_create(&many[i], NULL, allocate, NULL), 0);
	for (int i = 0; i < SENDERS; i++)
		CHECK_EQ(pthread_create(&senders[i], NULL, send, (void *)(uintptr_t)i), 0);
	for (int i = 0; i < SENDERS; i++)
		CHECK_EQ(pthread_join(senders[i], NULL), 0);
	atomic_store(&is_over, 1);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(pthread_join(many[i], NULL), 0);
	s = stop();
	for (int why = 0; why < RSH_CPUPROF_LOST_CLASSES; why++)
		lost += s.lost[why];
	CHECK_EQ(s.accepted, s.delivered + lost);
	/* The kernel drops those that find one pending; each thread has got one. */
	CHECK(s.accepted >= MANY);
}

int main(void)
{
	check_magnitude(1);
	check_magnitude(2);
	check_magnitude(4);
	test_a_deep_stack_is_cut_and_the_rest_is_zero();
	test_labels_are_those_of_the_thread();
	test_a_large_process_can_fork();
	test_many_threads_that_allocate();
	puts("samples are of who they say");
	return 0;
}
