/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The profile tells what became of the samples, in a struct of the program's under its lock.
 *
 * control: data race in rsh_heapprof_stats<fill, reader
 * uninstrumented: ../races/step.c
 */
#include "user_heap.h"

struct rsh_heapprof_stats stats;

static NOINLINE int fill(void)
{
	return rsh_heapprof_stats(&stats);
}

static NOINLINE int reader(void)
{
	return stats.sampled != 1;
}

int main(void)
{
	user_allocate();
	return user_take_turns((struct user_turns){fill, reader});
}
