/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tracer tells what became of the events, in a struct of the program's under its lock.
 *
 * control: data race in rsh_trace_stats<fill, reader
 * uninstrumented: ../races/step.c
 */
#include "user_trace.h"

struct rsh_trace_stats stats;

static NOINLINE int fill(void)
{
	return rsh_trace_stats(&stats);
}

static NOINLINE int reader(void)
{
	return stats.generation == 0;
}

int main(void)
{
	return user_trace_turns((struct user_turns){fill, reader});
}
