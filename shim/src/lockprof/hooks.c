/* SPDX-License-Identifier: BSD-2-Clause */
/* Switching hooks on and off. */

#include <errno.h>

#include "hooks.h"

#define ALL ((UINT64_C(1) << RSHI_N_FUNCTIONS) - 1)

uint64_t rshi_hooks_front;
uint32_t rshi_hooks_back;

int rshi_hooks_start(void)
{
	uint64_t behind = rshi_hooks_behind(), front = &rshi_hooks_wrapped ? ALL & ~behind : 0;

	if (!behind && !front)
		return ENOSYS;
	__atomic_store_n(&rshi_hooks_front, front, __ATOMIC_RELAXED);
	__atomic_store_n(&rshi_hooks_back, 1, __ATOMIC_RELAXED);
	return 0;
}

void rshi_hooks_stop(void)
{
	__atomic_store_n(&rshi_hooks_front, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&rshi_hooks_back, 0, __ATOMIC_RELAXED);
}
