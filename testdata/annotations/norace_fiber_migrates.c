/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fiber begins on one thread and goes on on another. It is one thread of control: what it
 * wrote before is its own. Without annotations TSan sees two threads that write one variable.
 *
 * control: data race in begin_work, end_work
 * annotation: RSH_RACE_FIBER_CURRENT RSH_RACE_FIBER_CREATE RSH_RACE_FIBER_SWITCH
 * uninstrumented: helper_hidden.c
 */
#include <ucontext.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static char stack[64 * 1024];
static ucontext_t fiber, thread[2];
static void *fiber_handle, *thread_handle[2];
static int work, suspended;

NOINLINE static void begin_work(void)
{
	work = 1;
}

NOINLINE static void end_work(void)
{
	work += 1;
}

static void suspend_on(int which)
{
	PROVE(RSH_RACE_FIBER_SWITCH(thread_handle[which], 0));
	swapcontext(&fiber, &thread[which]);
}

static void fiber_body(void)
{
	begin_work();
	suspend_on(0);
	end_work();
	suspend_on(1);
}

static void resume_on(int which)
{
	thread_handle[which] = PROVE_OR(RSH_RACE_FIBER_CURRENT(), NULL);
	PROVE(RSH_RACE_FIBER_SWITCH(fiber_handle, 0));
	swapcontext(&thread[which], &fiber);
}

static void *first_thread(void *arg)
{
	resume_on(0);
	hidden_post(&suspended);
	return arg;
}

static void *second_thread(void *arg)
{
	hidden_wait(&suspended, 1);
	resume_on(1);
	return arg;
}

int main(void)
{
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = stack;
	fiber.uc_stack.ss_size = sizeof(stack);
	makecontext(&fiber, fiber_body, 0);
	fiber_handle = PROVE_OR(RSH_RACE_FIBER_CREATE(0), NULL);
	run_two(first_thread, second_thread);
	PROVE(RSH_RACE_FIBER_DESTROY(fiber_handle));
	return 0;
}
