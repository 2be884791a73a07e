/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options without their last byte, reported in the function that hands them over.
 *
 * detector: address
 * report: heap-buffer-overflow in begin
 * control: clean
 */
#include <raceshim/cpuprof.h>
#include <stdlib.h>
#include <string.h>

#ifdef RSH_CONTROL
#define MISSING 0
#else
#define MISSING 1
#endif

static __attribute__((noinline)) int begin(const struct rsh_cpuprof_options *options)
{
	int err = rsh_cpuprof_start(options);

	return err != 0;
}

int main(void)
{
	size_t size = sizeof(struct rsh_cpuprof_options) - MISSING;
	struct rsh_cpuprof_options *options = malloc(size);
	int failed;

	memset(options, 0, size);
	failed = begin(options);
	free(options);
	return failed;
}
