/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocation that no runtime grants: an ==ERROR== report that is no race.
 * options: allocator_may_return_null=0
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
