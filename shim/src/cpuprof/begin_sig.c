/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions of a thread. Not in a handler, but under the same rules: the detector has
 * not heard of the thread yet.
 */

#include <linux/signal.h>

#include "create.h"
#include "slots.h"

static void (*keep_)(void); /* immutable after the first session has begun */

void rshi_thread_set_keep_sig(void (*keep)(void))
{
	keep_ = keep;
}

/* A thread inherits the mask of who makes it; with SIGPROF in it, it would never be seen. */
__attribute__((noinline)) static void unblock(void)
{
	uint64_t mask = 0;

	if (!rshi_sigblock_sig(0, &mask) && mask & UINT64_C(1) << (SIGPROF - 1))
		rshi_sigmask_sig(mask & ~(UINT64_C(1) << (SIGPROF - 1)));
}

void *rshi_thread_begin_sig(void *arg)
{
	struct rshi_slot *slot = arg;
	void *(*start)(void *) = slot->start;

	arg = slot->arg;
	rshi_labels_sig = slot->labels;
	unblock();
	rshi_slot_enter_sig(slot);
	keep_();
	/* A jump, with nothing of this function's left: no frame of ours in the thread's stacks. */
	return start(arg);
}
