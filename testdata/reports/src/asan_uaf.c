/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is allocated by the main thread, freed by one thread and written by another.
 * detector: asan
 * machine: yes
 */
#include <pthread.h>
#include <stdlib.h>

static int *block;

static void *frees(void *arg)
{
	free(block);
	return arg;
}

static void *writes(void *arg)
{
	*(volatile int *)&block[2] = 1;
	return arg;
}

int main(void)
{
	pthread_t a, b;

	block = (int *)malloc(40);
	pthread_create(&a, NULL, frees, NULL);
	pthread_join(a, NULL);
	pthread_create(&b, NULL, writes, NULL);
	pthread_join(b, NULL);
	return 0;
}
