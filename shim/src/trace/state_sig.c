/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tracer's parts share, and time. */

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/signal.h>
#include <linux/time_types.h>

#include "core/ticks.h"
#include "owner.h"
#include "state.h"

#define NS_PER_S  1000000000u
#define MONOTONIC 1

struct rshi_trace rshi_trace_sig;
__thread struct rshi_trace_thread *rshi_trace_mine_sig __attribute__((tls_model("initial-exec")));

uint64_t rshi_trace_clock_sig(int clock)
{
	struct __kernel_timespec now;

	if (!rshi_trace_sig.clock || rshi_trace_sig.clock(clock, &now))
		rshi_call_sig(__NR_clock_gettime, clock, (long)&now, 0, 0, 0);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t rshi_trace_ticks_sig(void)
{
	return rshi_trace_sig.unit == RSHI_TRACE_TSC ? rshi_ticks_sig()
	                                             : rshi_trace_clock_sig(MONOTONIC);
}

/* As the kernel has it. */
struct stack {
	void *sp;
	int flags;
	size_t size;
};

void rshi_trace_stack_sig(struct rshi_trace_thread *t)
{
	struct stack stack;

	stack.flags = 0;
	if (rshi_call_sig(__NR_sigaltstack, 0, (long)&stack, 0, 0, 0) ||
	    !(stack.flags & SS_DISABLE) ||
	    (!t->stack && rshi_mmap_sig(RSHI_TRACE_STACK, &t->stack)))
		return;
	stack.sp = t->stack;
	stack.flags = 0;
	stack.size = RSHI_TRACE_STACK;
	rshi_call_sig(__NR_sigaltstack, (long)&stack, 0, 0, 0, 0);
}

int rshi_trace_is_gone_sig(const struct rshi_trace_thread *t)
{
	uint64_t owner = __atomic_load_n(&t->owner, __ATOMIC_RELAXED);
	int tid = (int)(owner & RSHI_OWNER_ID), pid = rshi_getpid_sig();

	return tid && rshi_owner_pid(owner) == (uint64_t)pid &&
	       rshi_tgkill_sig(pid, tid, 0) == ESRCH;
}
