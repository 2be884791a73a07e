/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples that come into the program's array by a copy of which nobody tells the detector: the race
 * on them is missed. The control has the profiler write there itself, which says so.
 *
 * control: data race in rsh_cpuprof_read<fill, reader
 * uninstrumented: ../races/step.c unannotated.c
 */
#ifdef RSH_CONTROL
#define READ rsh_cpuprof_read
#else
#define READ        unannotated_read
#define RSH_CONTROL /* no lock either way */
#endif
#include "user_memory.h"

#include "unannotated.h"

struct rsh_cpuprof_record records[1];
size_t got;

static NOINLINE int fill(void)
{
	return READ(records, 1, &got);
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
