/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The struct for the stats has been freed already. The control frees it later.
 *
 * detector: address
 * report: heap-use-after-free in fill
 * control: clean
 */
#include <raceshim/cpuprof.h>
#include <stdlib.h>

static __attribute__((noinline)) int fill(struct rsh_cpuprof_stats *stats)
{
	int err = rsh_cpuprof_stats(stats);

	return err != 0;
}

int main(void)
{
	struct rsh_cpuprof_stats *volatile stats = malloc(sizeof(*stats));
	int failed;

	if (rsh_cpuprof_start(NULL) != 0)
		return 1;
#ifndef RSH_CONTROL
	free(stats);
#endif
	failed = fill(stats);
#ifdef RSH_CONTROL
	free(stats);
#endif
	return failed;
}
