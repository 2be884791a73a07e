/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of the program in the hands of the profiler, and a profile of it. */
#ifndef USER_MEMORY_H
#define USER_MEMORY_H

#include <pthread.h>
#include <raceshim/cpuprof.h>
#include <signal.h>
#include <stdlib.h>

#include "../races/user_turns.h"

/* user_sample - a raw profile that has this thread once in it, to be read */
static inline void user_sample(void)
{
	const struct rsh_cpuprof_options options = {.hz = 1, .raw = 1};

	if (rsh_cpuprof_start(&options) != 0 || pthread_kill(pthread_self(), SIGPROF) != 0 ||
	    rsh_cpuprof_stop() != 0)
		abort();
}

#endif
