/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that somebody makes while a session is on: sampled from their first instruction to their
 * last, and with the labels of who makes them.
 */

#include <linux/signal.h>

#include "follow.h"
#include "slots.h"

/* The note is the slot. */
static uint64_t make(void)
{
	struct rshi_slot *slot = rshi_slot_reserve_sig();

	if (slot)
		slot->labels = rshi_labels_sig;
	return (uintptr_t)slot;
}

static void cancel(uint64_t note)
{
	rshi_slot_cancel_sig((struct rshi_slot *)(uintptr_t)note);
}

/* A thread inherits the mask of who makes it; with SIGPROF in it, it would never be seen. */
__attribute__((noinline)) static void unblock(void)
{
	uint64_t mask = 0;

	if (!rshi_sigblock_sig(0, &mask) && mask & UINT64_C(1) << (SIGPROF - 1))
		rshi_sigmask_sig(mask & ~(UINT64_C(1) << (SIGPROF - 1)));
}

static void begin(uint64_t note)
{
	struct rshi_slot *slot = (struct rshi_slot *)(uintptr_t)note;

	rshi_labels_sig = slot->labels;
	unblock();
	rshi_slot_enter_sig(slot);
}

const struct rshi_follower rshi_cpuprof_follower_sig = {make, cancel, begin, rshi_slot_leave_sig,
                                                        0};
