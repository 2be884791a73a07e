/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions of a thread. Not in a handler, but under the same rules: the detector has
 * not heard of the thread yet.
 */

#include <linux/signal.h>

#include "create.h"
#include "slots.h"

static void (*keep_)(void); /* atomic; stored before there is a slot for any thread */

void rshi_thread_set_keep_sig(void (*keep)(void))
{
	/* [CK3] release, pairs with [CK4]: what the function needs is there. */
	__atomic_store_n(&keep_, keep, __ATOMIC_RELEASE);
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
	void (*keep)(void);

	arg = slot->arg;
	rshi_labels_sig = slot->labels;
	unblock();
	rshi_slot_enter_sig(slot);
	/* [CK4] acquire, pairs with [CK3]. */
	keep = __atomic_load_n(&keep_, __ATOMIC_ACQUIRE);
	if (keep)
		keep();
	/* A jump, with nothing of this function's left: no frame of ours in the thread's stacks. */
	return start(arg);
}
