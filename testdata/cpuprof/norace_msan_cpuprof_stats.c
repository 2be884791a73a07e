/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each field of the stats is initialised. In the control the call fails, which fills nothing in.
 *
 * detector: memory
 * control: use-of-uninitialized-value in add_up
 */
#include <raceshim/cpuprof.h>
#include <stdlib.h>

static __attribute__((noinline)) void add_up(const struct rsh_cpuprof_stats *s)
{
	uint64_t sum = s->accepted + s->delivered + s->truncated + s->ticks + s->hz + s->clock;

	for (int why = 0; why < RSH_CPUPROF_LOST_CLASSES; why++)
		sum += s->lost[why];
	sum += s->threads + s->fell_back + s->unsampled + s->blocked + s->taken + s->running;
	if (sum == 0)
		exit(1);
}

int main(void)
{
	struct rsh_cpuprof_stats *stats = malloc(sizeof(*stats));

#ifndef RSH_CONTROL
	if (rsh_cpuprof_start(NULL) != 0)
		return 1;
#endif
	(void)rsh_cpuprof_stats(stats);
	add_up(stats);
	free(stats);
	return 0;
}
