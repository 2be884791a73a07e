/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The profiler reads its options, which another thread writes, under the lock of both.
 *
 * control: data race in rsh_cpuprof_start<begin, writer
 * uninstrumented: ../races/step.c
 */
#include "user_memory.h"

struct rsh_cpuprof_options options = {.hz = 250};

static NOINLINE int begin(void)
{
	return rsh_cpuprof_start(&options);
}

static NOINLINE int writer(void)
{
	options.hz = 100;
	return 0;
}

int main(void)
{
	int wrong = user_take_turns((struct user_turns){begin, writer});

	return rsh_cpuprof_stop() != 0 || wrong;
}
