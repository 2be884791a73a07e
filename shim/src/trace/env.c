/* SPDX-License-Identifier: BSD-2-Clause */
/* RACESHIM_TRACE=PATH[:raw][:auto]: a trace of the whole process, written while it runs. */

#include <errno.h>
#include <pthread.h>

#include <raceshim/trace.h>

#include "core/at_end.h"
#include "core/program.h"
#include "drain.h"
#include "wish.h"

static struct rshi_trace_wish wish; /* written before main, by its only thread */

static const char *parse(const char *value, char *pattern)
{
	return rshi_trace_wish(value, &wish, pattern);
}

static int begin(void);

static struct rshi_at_end at_end = {
        .variable = "RACESHIM_TRACE",
        .what = "trace",
        .symbol = "rsh_trace_start",
        .own = (const void *)(uintptr_t)rsh_trace_start,
        .note = RSHI_NOTE_TRACE,
        .parse = parse,
        .begin = begin,
        .finish = rshi_drain_finish,
};

static int begin(void)
{
	return rshi_drain_start(at_end.path, (int)wish.is_raw, wish.automatic);
}

static void in_child(void)
{
	rshi_drain_forked();
	rshi_at_end_forked(&at_end);
}

int rshi_trace_env_is_on(void)
{
	return __atomic_load_n(&at_end.is_active, __ATOMIC_RELAXED) != 0;
}

__attribute__((constructor)) static void start(void)
{
	/* Behind the tracer's own handler of forks, which the first start has put there. */
	if (rshi_at_end_start(&at_end))
		(void)pthread_atfork(NULL, NULL, in_child);
}
