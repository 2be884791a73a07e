/* SPDX-License-Identifier: BSD-2-Clause */
/* The program's own traceback function. */

#include "unwind_traceback.h"

static void (*traceback)(struct rshi_traceback *arg); /* atomic */

void rshi_unwind_set_traceback_sig(void (*function)(struct rshi_traceback *arg))
{
	/* [T1] release, pairs with [T2]: what the function needs has been set up. */
	__atomic_store_n(&traceback, function, __ATOMIC_RELEASE);
}

size_t rshi_traceback_sig(const void *ucontext, uintptr_t *pcs, size_t max)
{
	/* [T2] acquire, pairs with [T1]. */
	void (*function)(struct rshi_traceback *) = __atomic_load_n(&traceback, __ATOMIC_ACQUIRE);
	struct rshi_traceback arg;
	size_t n = 0;

	if (!function || !max)
		return 0;
	arg.ucontext = ucontext;
	arg.pcs = pcs;
	arg.max = max;
	pcs[0] = 0;
	function(&arg);
	while (n < max && pcs[n])
		n++;
	return n;
}
