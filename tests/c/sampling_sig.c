/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/signal.h>

#include "core/sys.h"
#include "core/unwind.h"
#include "sampling_sig.h"

static struct rshi_pool *pool_;
static uint64_t count;

static __thread struct rshi_pool_ring *mine;
static __thread uint64_t number;
static __thread enum rshi_lost lose; /* 0, an overflow, cannot be asked for: take samples */

static void on_sample(int signo, void *siginfo, void *ucontext)
{
	uintptr_t pcs[32];
	uint64_t header[SAMPLING_HEADER];
	struct rshi_stack stack;

	(void)signo;
	(void)siginfo;
	__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	if (lose) {
		rshi_pool_lose_sig(pool_, lose);
		return;
	}
	if (!mine)
		mine = rshi_pool_claim_sig(pool_, rshi_gettid_sig());
	rshi_unwind_sig(ucontext, pcs, 32, &stack);
	header[0] = ++number;
	header[1] = stack.end;
	rshi_pool_add_sig(pool_, mine, number, header, pcs, stack.n);
}

int sampling_start_sig(struct rshi_pool *pool)
{
	struct rshi_sigaction action;

	pool_ = pool;
	action.handler = on_sample;
	action.flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
	action.mask = ~UINT64_C(0);
	return rshi_sigaction_sig(SAMPLING_SIGNAL, &action, 0);
}

void sampling_take_sig(uint32_t n)
{
	int pid = rshi_getpid_sig(), tid = rshi_gettid_sig();

	for (uint32_t i = 0; i < n; i++)
		rshi_tgkill_sig(pid, tid, SAMPLING_SIGNAL);
}

void sampling_lose_sig(enum rshi_lost why)
{
	lose = why == RSHI_LOST_CLASSES ? 0 : why;
}

void sampling_end_thread_sig(void)
{
	if (mine)
		rshi_pool_release_sig(mine);
	mine = 0;
	lose = RSHI_LOST_WINDOW; /* a signal that comes later */
}

uint64_t sampling_count_sig(void)
{
	return __atomic_load_n(&count, __ATOMIC_RELAXED);
}
