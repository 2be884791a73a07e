/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The profiler writes samples into an array of the program's under the program's lock. Without the
 * lock the report names the library's function under the program's own caller.
 *
 * control: data race in rsh_cpuprof_read<fill, reader
 * uninstrumented: ../races/step.c
 */
#include "user_memory.h"

struct rsh_cpuprof_record records[4];
size_t got;

static NOINLINE int fill(void)
{
	return rsh_cpuprof_read(records, 4, &got);
}

static NOINLINE int reader(void)
{
	return records[0].pcs[0] == 0;
}

int main(void)
{
	user_sample();
	return user_take_turns((struct user_turns){fill, reader});
}
