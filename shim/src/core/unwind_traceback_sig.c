/* SPDX-License-Identifier: BSD-2-Clause */
/* The program's own traceback function. */

#include "unwind_traceback.h"

static rshi_traceback_function *traceback; /* atomic */
static void *traceback_arg;                /* written while there is no function */

void rshi_unwind_set_traceback_sig(rshi_traceback_function *function, void *arg)
{
	if (function)
		traceback_arg = arg;
	/*
	 * [T1] sequentially consistent, pairs with [T2]: publishes the argument; and who takes the
	 * function back and then looks for handlers that run finds each one that has still seen it.
	 */
	__atomic_store_n(&traceback, function, __ATOMIC_SEQ_CST);
}

size_t rshi_traceback_sig(const void *ucontext, uintptr_t *pcs, size_t max)
{
	/* [T2] sequentially consistent, pairs with [T1]: on the function, and on who is inside. */
	rshi_traceback_function *function = __atomic_load_n(&traceback, __ATOMIC_SEQ_CST);
	size_t n;

	if (!function || !max)
		return 0;
	n = function(traceback_arg, ucontext, pcs, max);
	return n < max ? n : max;
}
