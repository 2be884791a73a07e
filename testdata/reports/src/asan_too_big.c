/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocation that the runtime does not grant: the header is a sentence.
 * detector: asan
 */
#include <stdlib.h>

static volatile size_t huge = (size_t)1 << 50;

static __attribute__((noinline)) void *asks(void)
{
	return malloc(huge);
}

int main(void)
{
	return asks() != NULL;
}
