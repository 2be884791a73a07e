/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The profiler tells what became of the samples, in a struct of the program's under its lock.
 *
 * control: data race in rsh_cpuprof_stats<fill, reader
 * uninstrumented: ../races/step.c
 */
#include "user_memory.h"

struct rsh_cpuprof_stats stats;

static NOINLINE int fill(void)
{
	return rsh_cpuprof_stats(&stats);
}

static NOINLINE int reader(void)
{
	return stats.accepted == 0;
}

int main(void)
{
	user_sample();
	return user_take_turns((struct user_turns){fill, reader});
}
