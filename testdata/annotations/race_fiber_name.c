/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fiber's name in the report. A program that reads its own reports insists on the name: it
 * aborts when TSan reports a race in which no fiber of that name takes part.
 *
 * report: data race in fiber_body, main
 * control: crash or data race in fiber_body, main
 * stdout: indexer
 * annotation: RSH_RACE_FIBER_NAME
 * uninstrumented: helper_on_report.c
 */
#include <stdio.h>
#include <ucontext.h>

#include <raceshim/annotate.h>

#include "hidden.h"
#include "on_report.h"

static char stack[64 * 1024];
static ucontext_t scheduler, fiber;
static void *scheduler_handle;
static int shared;

static void fiber_body(void)
{
	shared = 1;
	RSH_RACE_FIBER_SWITCH(scheduler_handle, 1);
	setcontext(&scheduler);
}

int main(void)
{
	void *handle = RSH_RACE_FIBER_CREATE(1);

	PROVE(RSH_RACE_FIBER_NAME(handle, "indexer"));
	insist_on_thread("indexer");
	scheduler_handle = RSH_RACE_FIBER_CURRENT();
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = stack;
	fiber.uc_stack.ss_size = sizeof(stack);
	makecontext(&fiber, fiber_body, 0);
	RSH_RACE_FIBER_SWITCH(handle, 1);
	swapcontext(&scheduler, &fiber);
	shared = 2;
	RSH_RACE_FIBER_DESTROY(handle);
	puts(found_in_report());
	return shared != 2;
}
