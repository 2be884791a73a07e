/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread is joined twice: the runtime's own check fails (clang; gcc 12 says nothing).
 * compilers: clang-19 clang-14
 * machine: yes
 */
#include <pthread.h>

static void *ends(void *arg)
{
	return arg;
}

static __attribute__((noinline)) void joins(pthread_t t)
{
	pthread_join(t, NULL);
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, ends, NULL);
	joins(t);
	joins(t);
	return 0;
}
