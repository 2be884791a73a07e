/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cooperative scheduler on one thread: every switch orders what was before it before what
 * follows. That is the switch's no_sync == 0; the control promises no order.
 *
 * control: data race in first_fiber, second_fiber
 * annotation: RSH_RACE_FIBER_SWITCH
 */
#include <ucontext.h>

#include <raceshim/annotate.h>

#include "hidden.h"

enum { NO_SYNC = PROVE_OR(0, 1) };

static char stack[2][64 * 1024];
static ucontext_t scheduler, fiber;
static void *scheduler_handle;
static int shared;

static void leave(void)
{
	RSH_RACE_FIBER_SWITCH(scheduler_handle, NO_SYNC);
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
	void *handle = RSH_RACE_FIBER_CREATE(NO_SYNC);

	getcontext(&fiber);
	fiber.uc_stack.ss_sp = its_stack;
	fiber.uc_stack.ss_size = sizeof(stack[0]);
	makecontext(&fiber, body, 0);
	RSH_RACE_FIBER_SWITCH(handle, NO_SYNC);
	swapcontext(&scheduler, &fiber);
	RSH_RACE_FIBER_DESTROY(handle);
}

int main(void)
{
	scheduler_handle = RSH_RACE_FIBER_CURRENT();
	run_fiber(first_fiber, stack[0]);
	run_fiber(second_fiber, stack[1]);
	return shared != 2;
}
