/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A coroutine that its caller resumes and waits for is ordered with it: every switch is an edge.
 * The control declares its switches to be none, as for two coroutines that could as well run at
 * once.
 *
 * control: data race in count_in_fiber, count_in_caller
 */
#include <raceshim/annotate.h>
#include <ucontext.h>

#include "step.h"

#ifdef RSH_CONTROL
enum { NO_SYNC = 1 };
#else
enum { NO_SYNC = 0 };
#endif

static ucontext_t caller, coroutine;
static void *caller_fiber;
static char stack[64 * 1024] __attribute__((aligned(16)));
int count;

static NOINLINE void count_in_fiber(void)
{
	count++;
}

static NOINLINE int count_in_caller(void)
{
	return ++count;
}

static void body(void)
{
	count_in_fiber();
	RSH_RACE_FIBER_SWITCH(caller_fiber, NO_SYNC);
	swapcontext(&coroutine, &caller);
}

int main(void)
{
	void *fiber;
	int seen;

	caller_fiber = RSH_RACE_FIBER_CURRENT(); /* ordered before the fiber by its creation */
	fiber = RSH_RACE_FIBER_CREATE(NO_SYNC);
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = stack;
	coroutine.uc_stack.ss_size = sizeof(stack);
	makecontext(&coroutine, body, 0);
	RSH_RACE_FIBER_SWITCH(fiber, NO_SYNC);
	swapcontext(&caller, &coroutine);
	seen = count_in_caller();
	RSH_RACE_FIBER_DESTROY(fiber);
	return seen != 2;
}
