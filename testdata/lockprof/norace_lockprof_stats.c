/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The profile tells what became of the waits, in a struct of the program's under its lock.
 *
 * control: data race in rsh_lockprof_stats<fill, reader
 * libs: -Wl,@{share}/lockprof.wrap
 * uninstrumented: ../races/step.c
 */
#include "user_waits.h"

struct rsh_lockprof_stats stats;

static NOINLINE int fill(void)
{
	return rsh_lockprof_stats(&stats);
}

static NOINLINE int reader(void)
{
	return stats.waits != 1;
}

int main(void)
{
	user_wait();
	return user_take_turns((struct user_turns){fill, reader});
}
