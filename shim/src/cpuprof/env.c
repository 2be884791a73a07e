/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that profiles itself, because its environment says so. */

#include "core/at_end.h"
#include "env.h"
#include "fork.h"
#include "output.h"
#include "session_control.h"

static struct rsh_cpuprof_options options; /* written before main, by its only thread */

static const char *parse(const char *value, char *pattern)
{
	return rshi_cpuprof_wish(value, &options, pattern);
}

static int begin(void)
{
	return rshi_session_start(&options);
}

static void end(void)
{
	(void)rshi_session_stop();
}

static struct rshi_at_end at_end = {
        .variable = "RACESHIM_CPUPROFILE",
        .what = "CPU profile",
        .symbol = "rsh_cpuprof_start",
        .own = (const void *)(uintptr_t)rsh_cpuprof_start,
        .parse = parse,
        .begin = begin,
        .end = end,
        .write = rshi_output_write,
};

static void in_child(void)
{
	rshi_at_end_forked(&at_end);
}

__attribute__((constructor)) static void start(void)
{
	if (rshi_at_end_start(&at_end))
		rshi_fork_then(in_child);
}

void rshi_env_taken(void)
{
	rshi_at_end_say(&at_end, "warning: the CPU profile ends here",
	                "the program has installed a handler of SIGPROF of its own");
}
