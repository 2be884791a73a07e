/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What it takes to walk a stack of 14 frames in a signal handler, and to hand it to a reader, beyond
 * the signal itself.
 *
 * Every walker runs in a handler that the thread sends itself a signal for, and all take turns in
 * short rounds, of which the best counts: a busy machine slows them all down. Times are of the
 * thread's CPU clock. libunwind is loaded if it is there. Exits with 1 if walk by tables and ring
 * together take longer than the nanoseconds given as the first argument (0 or none: no limit).
 */

#include <execinfo.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/pool.h"
#include "core/sys.h"
#include "core/unwind.h"
#include "stack.h"

#define SIGNALS 400
#define ROUNDS  60

static uintptr_t pcs[RSHI_UNWIND_MAX];
static int found;

static void with_nothing(const ucontext_t *uc)
{
	(void)uc;
	found = FRAMES;
}

static void with_tables(const ucontext_t *uc)
{
	struct rshi_stack stack;

	rshi_unwind_sig(uc, pcs, RSHI_UNWIND_MAX, &stack);
	found = stack.end == RSHI_END_ROOT ? (int)stack.n : -1;
}

static struct rshi_pool *pool;
static struct rshi_pool_ring *ring;

/* All that a profiler's handler does. */
static void into_a_ring(const ucontext_t *uc)
{
	static uint64_t time;
	const uint64_t header[2] = {1, 2};

	if (!ring)
		ring = rshi_pool_claim_sig(pool, 1);
	with_tables(uc);
	if (!rshi_pool_add_sig(pool, ring, ++time, header, pcs, (size_t)found))
		found = -1;
}

static int ignore(void *arg, int tid, const uint64_t *records, size_t n)
{
	(void)arg;
	(void)tid;
	(void)records;
	(void)n;
	return 0;
}

static void with_frame_pointers(const ucontext_t *uc)
{
	struct rshi_stack stack;

	rshi_unwind_fp_sig(uc, pcs, RSHI_UNWIND_MAX, &stack);
	found = (int)stack.n;
}

static void with_libunwind(const ucontext_t *uc)
{
	uint64_t cursor[UNW_WORDS];

	found = 0;
	unw_init(cursor, (void *)uc, 1 /* a signal frame */);
	do
		unw_get_reg(cursor, UNW_RIP, &pcs[found++]);
	while (unw_step(cursor) > 0 && found < RSHI_UNWIND_MAX);
}

/* From the handler's own stack: two frames more. */
static void with_backtrace(const ucontext_t *uc)
{
	(void)uc;
	found = backtrace((void **)pcs, RSHI_UNWIND_MAX);
}

static struct walker {
	const char *name;
	void (*walk)(const ucontext_t *uc);
	double best;
	int frames;
} walkers[] = {
        {"bare signal", with_nothing, 1e30, 0},
        {"into a ring", into_a_ring, 1e30, 0},
        {"by tables alone", with_tables, 1e30, 0},
        {"by frame pointers", with_frame_pointers, 1e30, 0},
        {"backtrace()", with_backtrace, 1e30, 0},
        {"libunwind", with_libunwind, 1e30, 0},
};
static const size_t walker_count = sizeof(walkers) / sizeof(walkers[0]);
static void (*walk)(const ucontext_t *uc);

static void on_signal(int signo, void *siginfo, void *ucontext)
{
	(void)signo;
	(void)siginfo;
	walk(ucontext);
}

__attribute__((noinline)) static void run_rounds(void)
{
	int pid = getpid(), tid = rshi_gettid_sig();

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < walker_count; i++) {
			double start, took;

			if (walkers[i].walk == with_libunwind && !unw_step)
				continue;
			walk = walkers[i].walk;
			start = now();
			for (int j = 0; j < SIGNALS; j++)
				rshi_tgkill_sig(pid, tid, SIGUSR1);
			took = (now() - start) / SIGNALS;
			walkers[i].frames = found;
			rshi_pool_read(pool, ignore, NULL);
			if (took < walkers[i].best)
				walkers[i].best = took;
		}
	}
}

int main(int argc, char **argv)
{
	double limit = argc > 1 ? strtod(argv[1], NULL) : 0, signal_alone, ours;
	struct rshi_sigaction action = {on_signal, SA_SIGINFO | SA_RESTART, 0};

	load_libunwind();
	(void)backtrace((void **)pcs, 1); /* loads libgcc */
	if (rshi_pool_create(1, 1 << 16, 2, &pool))
		return 2;
	if (rshi_sigaction_sig(SIGUSR1, &action, NULL))
		return 2;
	/* How many frames there are anyway. */
	depth_wanted = 0;
	walk = with_tables;
	rshi_tgkill_sig(getpid(), rshi_gettid_sig(), SIGUSR1);
	depth_wanted = FRAMES - found - 2;
	descend(0, run_rounds);

	signal_alone = walkers[0].best;
	ours = walkers[1].best - signal_alone;
	printf("%-20s %8.0f ns\n", walkers[0].name, signal_alone);
	printf("%-20s %11s %8s %14s\n", "on top of that", "", "frames", "times ours");
	for (size_t i = 1; i < walker_count; i++) {
		double extra = walkers[i].best - signal_alone;

		if (walkers[i].frames)
			printf("%-20s %8.0f ns %8d %14.2f\n", walkers[i].name, extra,
			       walkers[i].frames, extra / ours);
		else
			printf("%-20s not here\n", walkers[i].name);
	}
	if (walkers[1].frames != FRAMES) {
		fprintf(stderr, "unwind: %d frames, not %d\n", walkers[1].frames, FRAMES);
		return 2;
	}
	return limit > 0 && ours > limit;
}
