/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A read past the end of a heap block, by a thread.
 * detector: asan
 * machine: yes
 */
#include <pthread.h>
#include <stdlib.h>

static char *block;

static __attribute__((noinline)) int reads_behind(int n)
{
	return ((volatile char *)block)[n];
}

static void *looks(void *arg)
{
	(void)arg;
	return (void *)(long)reads_behind(12);
}

int main(int argc, char **argv)
{
	(void)argv;
	pthread_t t;

	block = (char *)malloc((size_t)argc + 9);
	pthread_create(&t, NULL, looks, NULL);
	pthread_join(t, NULL);
	return 0;
}
