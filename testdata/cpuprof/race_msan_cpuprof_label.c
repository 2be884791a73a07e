/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A label with a byte that was never set. The control sets it.
 *
 * detector: memory
 * report: use-of-uninitialized-value in rsh_label_set<label
 * control: clean
 */
#include <raceshim/cpuprof.h>
#include <stdlib.h>
#include <string.h>

static __attribute__((noinline)) int label(const char *value)
{
	int err = rsh_label_set("request", value);

	return err != 0;
}

int main(void)
{
	char *value = malloc(6);
	int failed;

	memcpy(value, "log", 3);
	value[4] = 'n';
	value[5] = '\0';
#ifdef RSH_CONTROL
	value[3] = 'i';
#endif
	failed = label(value);
	free(value);
	return failed;
}
