/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A label without its final NUL, reported in the function that hands it over.
 *
 * detector: address
 * report: heap-buffer-overflow in label
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

static __attribute__((noinline)) int label(const char *value)
{
	int err = rsh_label_set("request", value);

	return err != 0;
}

int main(void)
{
	char *value = malloc(6 - MISSING);
	int failed;

	memcpy(value, "login", 6 - MISSING);
	failed = label(value);
	free(value);
	return failed;
}
