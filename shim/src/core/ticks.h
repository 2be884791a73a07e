/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_TICKS_H
#define RSH_CORE_TICKS_H

/*
 * The processor's own clock: the same on all processors, in a unit of its own, read in a few
 * nanoseconds and without a call. Whoever wants to know what it means compares it with the kernel's
 * clock twice.
 */

#include <stdint.h>

#if defined(__x86_64__)
static inline uint64_t rshi_ticks_sig(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}
#elif defined(__aarch64__)
static inline uint64_t rshi_ticks_sig(void)
{
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
}
#endif

#endif /* RSH_CORE_TICKS_H */
