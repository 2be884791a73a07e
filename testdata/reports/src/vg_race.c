/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads write one heap block without a lock.
 * detector: helgrind drd
 * compilers: gcc-12 clang-19 clang-14
 */
#include <pthread.h>
#include <stdlib.h>
#include "order.h"

static volatile int *block;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *writer(void *arg)
{
	pthread_mutex_lock(&m);
	block[1] = 1;
	pthread_mutex_unlock(&m);
	return arg;
}

static void *reader(void *arg)
{
	return block[1] == 3 ? arg : NULL;
}

int main(void)
{
	pthread_t a, b;

	block = (int *)calloc(4, sizeof(int));
	pthread_create(&a, NULL, writer, NULL);
	pthread_create(&b, NULL, reader, NULL);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	free((void *)block);
	return 0;
}
