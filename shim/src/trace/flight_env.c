/* SPDX-License-Identifier: BSD-2-Clause */
/* RACESHIM_FLIGHT=PATH[:SECONDS[:MIB]][:auto][:quiet]: the last events of a process that something happens to. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif

#include <dlfcn.h>
#include <pthread.h>

#include <raceshim/sigsafe.h>
#include <raceshim/trace.h>

#include "core/at_end.h"
#include "core/program.h"
#include "core/wish.h"
#include "drain.h"
#include "flight_save.h"
#include "state.h"
#include "wish.h"

#define SECONDS 3600u
#define MIB     4096u

static struct rsh_flight_options options; /* written before main, by its only thread */

static int is_word(const char *value, size_t n, struct rshi_trace_wish *wish)
{
	int is_quiet = rshi_wish_is_word(value, n, "quiet");

	rshi_flight_files_sig.is_quiet |= is_quiet;
	return is_quiet || rshi_trace_wish_word(value, n, wish);
}

static const char *parse(const char *value, char *pattern)
{
	size_t n = rshi_wish_length(value), at = rshi_wish_last_part(value, n);
	struct rshi_trace_wish wish = {0};
	uint64_t numbers[2];
	int found = 0;

	while (at < n && is_word(value + at, n - at, &wish)) {
		n = at - 1;
		at = rshi_wish_last_part(value, n);
	}
	while (found < 2 && at < n &&
	       rshi_wish_is_number(value + at, n - at, MIB, &numbers[found])) {
		if (!numbers[found])
			return "there must be a second and a MiB at least";
		n = at - 1;
		at = rshi_wish_last_part(value, n);
		found++;
	}
	if (found && numbers[found - 1] > SECONDS)
		return "an hour is the most";
	if (found == 2 && numbers[0] > MIB)
		return "4096 MiB are the most";
	options.min_age_ms = found ? (uint32_t)numbers[found - 1] * 1000 : 0;
	options.automatic = wish.automatic;
	options.max_bytes = found == 2 ? (size_t)numbers[0] << 20 : 0;
	if (!n)
		return "there is no path: PATH[:SECONDS[:MIB]][:auto][:quiet]";
	return rshi_wish_absolute(value, n, pattern);
}

static int begin(void);
static int finish(void);

static struct rshi_at_end at_end = {
        .variable = "RACESHIM_FLIGHT",
        .what = "last events",
        .symbol = "rsh_flight_start",
        .own = (const void *)(uintptr_t)rsh_flight_start,
        .note = RSHI_NOTE_TRACE,
        .parse = parse,
        .begin = begin,
        .finish = finish,
};

/* The recorder's thread, and the handlers, are for as long as the process is there. */
static void stay(void)
{
	Dl_info info;

	if (dladdr(&at_end, &info) && info.dli_fname)
		(void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static int begin(void)
{
	int err = rsh_flight_start(&options);

	if (err)
		return err;
	/* Where a thread's own has overflowed no handler can run. */
	__atomic_store_n(&rshi_trace_sig.stacks, 1, __ATOMIC_RELAXED);
	rshi_trace_enter_sig();
	rsh_memcpy_sig(rshi_flight_files_sig.path, at_end.path, sizeof(at_end.path));
	rshi_flight_files_begin_sig();
	return 0;
}

/* Nothing: a detector may have something to report even after this. */
static int finish(void)
{
	return 0;
}

static void in_child(void)
{
	rshi_at_end_forked(&at_end);
}

int rshi_flight_env_is_on(void)
{
	return __atomic_load_n(&at_end.is_active, __ATOMIC_RELAXED) != 0;
}

__attribute__((constructor)) static void start(void)
{
	/* Behind the tracer's own handler of forks, which the first start has put there. */
	if (rshi_at_end_start(&at_end)) {
		stay();
		(void)pthread_atfork(NULL, NULL, in_child);
	}
}
