/* SPDX-License-Identifier: BSD-2-Clause */
#include "traceback_sig.h"

__thread struct own_stack own_stack __attribute__((tls_model("initial-exec")));

size_t own_traceback_sig(void *arg, const void *ucontext, uintptr_t *pcs, size_t max)
{
	struct own_arg *a = arg;
	uint32_t depth = __atomic_load_n(&own_stack.depth, __ATOMIC_RELAXED);
	size_t n = depth < max ? depth : max;

	__atomic_fetch_add(&a->in_it, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&a->calls, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&a->max, max, __ATOMIC_RELAXED);
	if (!ucontext || !max)
		__atomic_store_n(&a->wrong, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < n; i++) {
		pcs[i] = own_stack.pcs[depth - 1 - i];
		__asm__ volatile("");
	}
	__atomic_fetch_sub(&a->in_it, 1, __ATOMIC_SEQ_CST);
	return n ? n + a->claim : 0;
}
