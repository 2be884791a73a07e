/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The profiler reads which writer it is to use, which another thread sets, under the lock of both.
 *
 * control: data race in rsh_cpuprof_write<save, writer
 * uninstrumented: ../races/step.c
 */
#include "user_memory.h"

static int count(void *arg, const void *buf, size_t n)
{
	*(size_t *)arg += buf ? n : 0;
	return 0;
}

struct rsh_writer target;
static size_t bytes;

static NOINLINE int save(void)
{
	return rsh_cpuprof_write(&target) != 0 || bytes == 0;
}

static NOINLINE int writer(void)
{
	target.arg = NULL;
	return 0;
}

int main(void)
{
	target.write = count;
	target.arg = &bytes;
	if (rsh_cpuprof_start(NULL) != 0 || rsh_cpuprof_stop() != 0)
		return 1;
	return user_take_turns((struct user_turns){save, writer});
}
