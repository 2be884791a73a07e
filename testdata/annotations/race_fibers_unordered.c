/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two fibers take turns on one thread, and their scheduler promises no order: a race as soon as
 * it has two threads. Without annotations TSan sees a single thread and nothing wrong.
 *
 * report: data race in first_fiber, second_fiber
 * control: clean
 * annotation: RSH_RACE_FIBER_CURRENT RSH_RACE_FIBER_CREATE RSH_RACE_FIBER_SWITCH
 */
#include <ucontext.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static char stack[2][64 * 1024];
static ucontext_t scheduler, fiber;
static void *scheduler_handle;
static int shared;

static void leave(void)
{
	PROVE(RSH_RACE_FIBER_SWITCH(scheduler_handle, 1));
	setcontext(&scheduler);
}

static void first_fiber(void)
{
	shared = 1;
	leave();
}

static void second_fiber(void)
{
	shared = 2;
	leave();
}

static void run_fiber(void (*body)(void), char *its_stack)
{
	PROVE(void *handle = RSH_RACE_FIBER_CREATE(1));

	getcontext(&fiber);
	fiber.uc_stack.ss_sp = its_stack;
	fiber.uc_stack.ss_size = sizeof(stack[0]);
	makecontext(&fiber, body, 0);
	PROVE(RSH_RACE_FIBER_SWITCH(handle, 1));
	swapcontext(&scheduler, &fiber);
	PROVE(RSH_RACE_FIBER_DESTROY(handle));
}

int main(void)
{
	scheduler_handle = PROVE_OR(RSH_RACE_FIBER_CURRENT(), NULL);
	run_fiber(first_fiber, stack[0]);
	run_fiber(second_fiber, stack[1]);
	return shared != 2;
}
