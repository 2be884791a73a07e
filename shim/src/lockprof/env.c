/* SPDX-License-Identifier: BSD-2-Clause */
/* RACESHIM_LOCKPROFILE=PATH[:RATE[:FRACTION]]: the profiles of a whole process. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include <raceshim/lockprof.h>

#include "core/at_end.h"
#include "core/wish.h"
#include "lockprof.h"
#include "output.h"

#define MOST 1000000000u

static struct rsh_lockprof_options options; /* written before main, by its only thread */

static const char *parse(const char *value, char *pattern)
{
	size_t n = rshi_wish_length(value), at = rshi_wish_last_part(value, n);
	uint64_t numbers[2];
	int found = 0;

	while (found < 2 && at < n &&
	       rshi_wish_is_number(value + at, n - at, MOST, &numbers[found])) {
		if (!numbers[found] || numbers[found] > MOST)
			return "the rate has to be 1 to 1000000000";
		n = at - 1;
		at = rshi_wish_last_part(value, n);
		found++;
	}
	options.block_rate = found ? numbers[found - 1] : RSH_LOCKPROF_BLOCK_RATE;
	options.mutex_fraction = found == 2 ? numbers[0] : RSH_LOCKPROF_MUTEX_FRACTION;
	if (!n)
		return "there is no path: PATH[:RATE[:FRACTION]]";
	return rshi_wish_absolute(value, n, pattern);
}

static int begin(void)
{
	return rshi_lockprof_start(&options);
}

static const char *explain(int err)
{
	return err == ENOSYS ? "no lock of the program's is watched: preload libraceshim-locks.so"
	                     : NULL;
}

/* Of the copy that everybody finds. */
static int is_idle(void)
{
	int (*stats)(struct rsh_lockprof_stats *);
	struct rsh_lockprof_stats now;

	*(void **)&stats = dlsym(RTLD_DEFAULT, "rsh_lockprof_stats");
	return !stats || stats(&now) || !(now.block_rate || now.mutex_fraction);
}

struct rshi_at_end rshi_lockprof_at_end = {
        .variable = "RACESHIM_LOCKPROFILE",
        .what = "lock profile",
        .symbol = "rsh_lockprof_start",
        .own = (const void *)(uintptr_t)rsh_lockprof_start,
        .is_idle = is_idle,
        .parse = parse,
        .begin = begin,
        .explain = explain,
        .is_optional = 1,
        .write = rshi_lockprof_write,
};

static void in_child(void)
{
	rshi_at_end_forked(&rshi_lockprof_at_end);
}

__attribute__((constructor)) static void start(void)
{
	/* Behind the profile's own handler of forks, which the start has put there. */
	if (rshi_at_end_start(&rshi_lockprof_at_end))
		(void)pthread_atfork(NULL, NULL, in_child);
}
