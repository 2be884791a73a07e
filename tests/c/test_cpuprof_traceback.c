/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks that the program's own traceback function finds, and those that it does not. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <raceshim/cpuprof.h>

#include "check.h"
#include "core/sys.h"
#include "threads_sig.h"
#include "traceback_sig.h"

#define PLACE   0x10000 /* of the interpreter's code: in no mapping */
#define THREADS 3

/* In the visible build the profiler's thread is one that ThreadSanitizer sees, also after a fork. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

static unsigned int rounds = 200;

/* What a thread of the interpreter does: the pc first, then that it is there. */
static void enter(uintptr_t pc)
{
	uint32_t depth = __atomic_load_n(&own_stack.depth, __ATOMIC_RELAXED);

	__atomic_store_n(&own_stack.pcs[depth], pc, __ATOMIC_RELAXED);
	atomic_signal_fence(memory_order_seq_cst);
	__atomic_store_n(&own_stack.depth, depth + 1, __ATOMIC_RELAXED);
}

static void leave(void)
{
	__atomic_store_n(&own_stack.depth, __atomic_load_n(&own_stack.depth, __ATOMIC_RELAXED) - 1,
	                 __ATOMIC_RELAXED);
}

static void start(void)
{
	const struct rsh_cpuprof_options o = {.hz = 1, .raw = 1};

	CHECK_EQ(rsh_cpuprof_start(&o), 0);
}

/* Signals for this thread, and the last of the samples that they have become; nothing is lost. */
static void sample(unsigned int n, struct rsh_cpuprof_record *last)
{
	static struct rsh_cpuprof_record records[16];
	struct rsh_cpuprof_stats s;
	uint64_t samples = 0;
	size_t got;

	start();
	send_sig(n);
	CHECK_EQ(rsh_cpuprof_stop(), 0);
	do {
		CHECK_EQ(rsh_cpuprof_read(records, 16, &got), 0);
		for (size_t i = 0; i < got; i++) {
			CHECK_EQ(records[i].lost, -1);
			if (records[i].tid != rshi_gettid_sig())
				continue;
			*last = records[i];
			samples++;
		}
	} while (got);
	CHECK(samples >= n);
	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	CHECK_EQ(s.accepted, s.delivered);
	CHECK_EQ(s.truncated, 0);
}

static void test_what_it_finds_is_the_stack(void)
{
	struct own_arg arg = {0};
	static struct rsh_cpuprof_record r;

	CHECK_EQ(rsh_cpuprof_set_traceback(own_traceback_sig, &arg), 0);
	for (uint32_t i = 0; i < 5; i++)
		enter(PLACE + i);
	sample(50, &r);
	CHECK(arg.calls >= 50);
	CHECK_EQ(arg.wrong, 0);
	CHECK_EQ(arg.max, RSH_CPUPROF_DEPTH);
	CHECK_EQ(r.n, 5);
	for (uint32_t i = 0; i < 5; i++)
		CHECK_EQ(r.pcs[i], PLACE + 4 - i);
	CHECK_EQ(r.pcs[5], 0);
	/* One that has more than fits, and says so, is cut. */
	for (uint32_t i = 5; i < OWN_DEPTH; i++)
		enter(PLACE + i);
	arg.claim = 1000;
	sample(20, &r); /* which a ring has room for */
	CHECK_EQ(r.n, RSH_CPUPROF_DEPTH);
	CHECK_EQ(r.pcs[0], PLACE + OWN_DEPTH - 1);
	CHECK_EQ(r.pcs[RSH_CPUPROF_DEPTH - 1], PLACE + OWN_DEPTH - RSH_CPUPROF_DEPTH);
	for (uint32_t i = 0; i < OWN_DEPTH; i++)
		leave();
}

static int has_pc_below(const struct rsh_cpuprof_record *r, uintptr_t function, size_t size)
{
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->pcs[i] > function && r->pcs[i] <= function + size)
			return 1;
	}
	return 0;
}

/* The stack is walked: it leads through the function that has called main. */
static void check_walked(const struct rsh_cpuprof_record *r)
{
	CHECK(r->n > 3);
	CHECK(has_pc_below(r, (uintptr_t)sample, 16384));
	CHECK(!has_pc_below(r, 0, PLACE + OWN_DEPTH));
}

static void test_where_it_finds_nothing_the_stack_is_walked(void)
{
	struct own_arg arg = {0};
	static struct rsh_cpuprof_record r;

	CHECK_EQ(rsh_cpuprof_set_traceback(own_traceback_sig, &arg), 0);
	sample(50, &r);
	CHECK(arg.calls >= 50);
	check_walked(&r);
}

static void test_without_one_the_stack_is_walked(void)
{
	struct own_arg arg = {0};
	static struct rsh_cpuprof_record r;

	enter(PLACE);
	CHECK_EQ(rsh_cpuprof_set_traceback(own_traceback_sig, &arg), 0);
	CHECK_EQ(rsh_cpuprof_set_traceback(NULL, &arg), 0);
	sample(50, &r);
	CHECK_EQ(arg.calls, 0);
	check_walked(&r);
	leave();
}

static atomic_int is_over;

static void *interpret(void *arg)
{
	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		for (uint32_t i = 0; i < 20; i++)
			enter(PLACE + i);
		for (uint32_t i = 0; i < 20; i++)
			leave();
	}
	return arg;
}

/* Threads are sampled all the time; what was set for them goes away the moment it may. */
static void test_nobody_is_in_it_when_it_is_taken_back(void)
{
	const struct rsh_cpuprof_options o = {.hz = 5000};
	struct rsh_cpuprof_stats s;
	pthread_t threads[THREADS];
	uint64_t calls = 0;

	atomic_store(&is_over, 0);
	CHECK_EQ(rsh_cpuprof_start(&o), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, interpret, NULL), 0);
	for (unsigned int i = 0; i < rounds || calls < rounds; i++) {
		struct own_arg *arg = malloc(sizeof(*arg)), *next = malloc(sizeof(*next));
		uint32_t before;

		CHECK(arg && next);
		memset(arg, 0, sizeof(*arg));
		memset(next, 0, sizeof(*next));
		CHECK_EQ(rsh_cpuprof_set_traceback(own_traceback_sig, arg), 0);
		usleep(i % 2000);
		CHECK_EQ(rsh_cpuprof_set_traceback(i % 2 ? own_traceback_sig : NULL, next), 0);
		before = __atomic_load_n(&arg->calls, __ATOMIC_RELAXED);
		CHECK_EQ(__atomic_load_n(&arg->in_it, __ATOMIC_RELAXED), 0);
		CHECK_EQ(__atomic_load_n(&arg->wrong, __ATOMIC_RELAXED), 0);
		calls += before;
		usleep(300);
		CHECK_EQ(__atomic_load_n(&arg->calls, __ATOMIC_RELAXED), before);
		free(arg);
		CHECK_EQ(rsh_cpuprof_set_traceback(NULL, NULL), 0);
		free(next);
	}
	atomic_store(&is_over, 1);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(rsh_cpuprof_stop(), 0);
	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	CHECK(s.delivered > 0);
	printf("%llu calls\n", (unsigned long long)calls);
}

static void test_a_forked_child_keeps_it(void)
{
	struct own_arg arg = {0};
	static struct rsh_cpuprof_record r;
	pid_t child;
	int status;

	CHECK_EQ(rsh_cpuprof_set_traceback(own_traceback_sig, &arg), 0);
	CHECK_EQ(fflush(stdout), 0);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		enter(PLACE);
		sample(5, &r);
		CHECK_EQ(r.n, 1);
		CHECK_EQ(r.pcs[0], PLACE);
		CHECK_EQ(rsh_cpuprof_set_traceback(NULL, NULL), 0);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(rsh_cpuprof_set_traceback(NULL, NULL), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = (unsigned int)strtoul(argv[1], NULL, 10);
	test_what_it_finds_is_the_stack();
	test_where_it_finds_nothing_the_stack_is_walked();
	test_without_one_the_stack_is_walked();
	test_nobody_is_in_it_when_it_is_taken_back();
	test_a_forked_child_keeps_it();
	puts("stacks are those that the program knows");
	return 0;
}
