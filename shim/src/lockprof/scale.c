/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's clock against the kernel's. */

#include <asm/unistd.h>
#include <linux/time.h>
#include <linux/types.h>

#include "core/sys.h"
#include "core/ticks.h"
#include "scale.h"

#define FIRST UINT64_C(2000000) /* nanoseconds */

/* The same moment on both. */
struct moment {
	uint64_t ns;
	uint64_t ticks;
};

static struct moment first;
static uint64_t scale; /* atomic: nanoseconds of 2^32 ticks; 0: not known yet */

/* The best of a few attempts: the one that nobody has interrupted. */
static struct moment look(void)
{
	struct moment best = {0, 0};
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		struct __kernel_timespec now = {0, 0};
		uint64_t before = rshi_ticks_sig(), took;

		rshi_call_sig(__NR_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0);
		took = rshi_ticks_sig() - before;
		if (took >= least)
			continue;
		least = took;
		best.ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
		best.ticks = before + took / 2;
	}
	return best;
}

void rshi_scale_measure(void)
{
	static const uint32_t never;
	struct moment now;
	double length;

	if (!first.ns)
		first = look();
	now = look();
	while (now.ns - first.ns < FIRST) {
		rshi_futex_wait_sig(&never, 0, FIRST - (now.ns - first.ns));
		now = look();
	}
	if (now.ticks <= first.ticks)
		return;
	length = (double)(now.ns - first.ns) / (double)(now.ticks - first.ticks);
	__atomic_store_n(&scale, (uint64_t)(length * 4294967296.0), __ATOMIC_RELAXED);
}

uint64_t rshi_ticks_to_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * __atomic_load_n(&scale, __ATOMIC_RELAXED) >>
	                  32);
}
