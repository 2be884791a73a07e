/* SPDX-License-Identifier: BSD-2-Clause */
/* RACESHIM_HEAPPROFILE=PATH[:RATE]: a profile of the whole process, written at its end. */

#include <pthread.h>

#include <raceshim/heapprof.h>

#include "core/at_end.h"
#include "core/wish.h"
#include "output.h"

static uint64_t rate; /* written before main, by its only thread */

static const char *parse(const char *value, char *pattern)
{
	size_t n = rshi_wish_length(value), at = rshi_wish_last_part(value, n);

	rate = RSH_HEAPPROF_RATE;
	if (at < n && rshi_wish_is_number(value + at, n - at, RSH_HEAPPROF_RATE_MAX, &rate)) {
		n = at - 1;
		if (!rate || rate > RSH_HEAPPROF_RATE_MAX)
			return "the rate has to be 1 to 1099511627776 bytes";
	}
	if (!n)
		return "there is no path: PATH[:RATE]";
	return rshi_wish_absolute(value, n, pattern);
}

static int begin(void)
{
	return rsh_heapprof_rate(rate);
}

struct rshi_at_end rshi_heap_at_end = {
        .variable = "RACESHIM_HEAPPROFILE",
        .what = "heap profile",
        .symbol = "rsh_heapprof_rate",
        .own = (const void *)(uintptr_t)rsh_heapprof_rate,
        .parse = parse,
        .begin = begin,
        .write = rshi_heap_write,
};

static void in_child(void)
{
	rshi_at_end_forked(&rshi_heap_at_end);
}

__attribute__((constructor)) static void start(void)
{
	/* Behind the profile's own handler of forks, which the first rate has put there. */
	if (rshi_at_end_start(&rshi_heap_at_end))
		(void)pthread_atfork(NULL, NULL, in_child);
}
