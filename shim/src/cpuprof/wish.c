/* SPDX-License-Identifier: BSD-2-Clause */
/* What RACESHIM_CPUPROFILE says: PATH[:HZ[:CLOCK]]. */

#include "core/wish.h"
#include "env.h"

static int is_clock(const char *value, size_t n, uint32_t *clock)
{
	static const char *const names[] = {
	        [RSH_CPUPROF_AUTO] = "auto",
	        [RSH_CPUPROF_PERF] = "perf",
	        [RSH_CPUPROF_TIMER] = "timer",
	        [RSH_CPUPROF_WALL] = "wall",
	};

	for (uint32_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (rshi_wish_is_word(value, n, names[i])) {
			*clock = i;
			return 1;
		}
	}
	return 0;
}

const char *rshi_cpuprof_wish(const char *value, struct rsh_cpuprof_options *o, char *pattern)
{
	size_t n = rshi_wish_length(value), at = rshi_wish_last_part(value, n);
	int has_clock = 0;
	uint64_t hz = 0;

	o->hz = 0;
	o->clock = RSH_CPUPROF_AUTO;
	o->raw = 0;
	if (at < n && is_clock(value + at, n - at, &o->clock)) {
		has_clock = 1;
		n = at - 1;
		at = rshi_wish_last_part(value, n);
	}
	if (at < n && rshi_wish_is_number(value + at, n - at, RSH_CPUPROF_HZ_MAX, &hz)) {
		n = at - 1;
		if (!hz || hz > RSH_CPUPROF_HZ_MAX)
			return "the rate has to be 1 to 5000";
		o->hz = (uint32_t)hz;
	} else if (has_clock) {
		return "a clock stands behind the rate: PATH:HZ:CLOCK";
	}
	if (!n)
		return "there is no path: PATH[:HZ[:CLOCK]]";
	return rshi_wish_absolute(value, n, pattern);
}
