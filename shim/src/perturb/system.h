/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_PERTURB_SYSTEM_H
#define RSH_PERTURB_SYSTEM_H

/* What the policies ask of the kernel, past everybody who might look at it; and their chance. */

#include <asm/unistd.h>
#include <linux/time_types.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include "core/syscall_x86_64.h"
#elif defined(__aarch64__)
#include "core/syscall_aarch64.h"
#else
#error "no system calls for this machine: add shim/src/core/syscall_<machine>.h"
#endif

static inline uint64_t rshi_mix(uint64_t word)
{
	word += 0x9e3779b97f4a7c15u;
	word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
	word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
	return word ^ (word >> 31);
}

static inline void rshi_nap(uint64_t microseconds)
{
	const struct __kernel_timespec wait = {
	        .tv_sec = (long long)(microseconds / 1000000),
	        .tv_nsec = (long long)(microseconds % 1000000 * 1000),
	};

	(void)rshi_syscall(__NR_nanosleep, (long)&wait, 0, 0, 0, 0, 0);
}

static inline void rshi_give_way(unsigned times)
{
	while (times--)
		(void)rshi_syscall(__NR_sched_yield, 0, 0, 0, 0, 0, 0);
}

#endif /* RSH_PERTURB_SYSTEM_H */
