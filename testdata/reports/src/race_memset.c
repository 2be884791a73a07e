/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An intercepted memset against memcpy from the same block: runtime frames on top of both stacks.
 * cflags: -fno-builtin
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "order.h"

static char *block;

static void *clears(void *arg)
{
	memset(block, 0, 64);
	order_step();
	return arg;
}

static __attribute__((noinline)) void copies(char *to)
{
	memcpy(to, block, 64);
}

int main(void)
{
	pthread_t t;
	char copy[64];

	block = (char *)malloc(64);
	pthread_create(&t, NULL, clears, NULL);
	order_wait(1);
	copies(copy);
	pthread_join(t, NULL);
	free(block);
	return copy[0];
}
