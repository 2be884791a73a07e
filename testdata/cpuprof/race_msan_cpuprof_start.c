/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of which one field was never set. The control sets it.
 *
 * detector: memory
 * report: use-of-uninitialized-value in rsh_cpuprof_start<begin
 * control: clean
 */
#include <raceshim/cpuprof.h>
#include <stdlib.h>

static __attribute__((noinline)) int begin(const struct rsh_cpuprof_options *options)
{
	int err = rsh_cpuprof_start(options);

	return err != 0;
}

int main(void)
{
	struct rsh_cpuprof_options *options = malloc(sizeof(*options));
	int failed;

	options->hz = 100;
	options->clock = RSH_CPUPROF_AUTO;
#ifdef RSH_CONTROL
	options->raw = 0;
#endif
	failed = begin(options);
	free(options);
	return failed;
}
