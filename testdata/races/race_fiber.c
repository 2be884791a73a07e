/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A coroutine on a thread of its own races with main. The annotations tell the detector about the
 * change of stacks, so the report names the coroutine's function.
 *
 * report: data race in count_in_fiber, count_in_main
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <raceshim/annotate.h>
#include <ucontext.h>

#include "step.h"

static ucontext_t caller, coroutine;
static void *caller_fiber;
static char stack[64 * 1024] __attribute__((aligned(16)));
int count;

static NOINLINE void count_in_fiber(void)
{
	count++;
}

static NOINLINE void count_in_main(void)
{
	count++;
}

static void body(void)
{
	count_in_fiber();
	RSH_RACE_FIBER_SWITCH(caller_fiber, 0);
	swapcontext(&coroutine, &caller);
}

static void *worker(void *arg)
{
	void *fiber;

	caller_fiber = RSH_RACE_FIBER_CURRENT(); /* ordered before the fiber by its creation */
	fiber = RSH_RACE_FIBER_CREATE(0);
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = stack;
	coroutine.uc_stack.ss_size = sizeof(stack);
	makecontext(&coroutine, body, 0);
	RSH_RACE_FIBER_SWITCH(fiber, 0);
	swapcontext(&caller, &coroutine);
	step_set(1);
	step_wait(2);
	RSH_RACE_FIBER_DESTROY(fiber);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	count_in_main();
	step_set(2);
	pthread_join(thread, NULL);
	return count != 2;
}
