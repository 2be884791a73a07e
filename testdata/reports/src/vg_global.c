/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A race on a global and one on a local variable, which Helgrind describes by name.
 * detector: helgrind drd
 * compilers: gcc-12 clang-19 clang-14
 * options: --read-var-info=yes
 */
#include <pthread.h>

static volatile long counter;

static void *counts(void *arg)
{
	counter++;
	*(volatile int *)arg = 1;
	return NULL;
}

int main(void)
{
	pthread_t a, b;
	volatile int local = 0;

	pthread_create(&a, NULL, counts, (void *)&local);
	pthread_create(&b, NULL, counts, (void *)&local);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	return 0;
}
