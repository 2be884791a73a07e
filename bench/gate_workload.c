/* SPDX-License-Identifier: BSD-2-Clause */
/* Work for bench/gate_overhead.py: two threads sort private arrays and share results under a lock. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { LENGTH = 1 << 15, ROUNDS = 60 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long sum;

static int compare(const void *a, const void *b)
{
	const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	return (x > y) - (x < y);
}

static void *work(void *arg)
{
	unsigned *values = malloc(LENGTH * sizeof(*values));
	unsigned seed = *(unsigned *)arg;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < LENGTH; i++)
			values[i] = seed = seed * 1664525 + 1013904223;
		qsort(values, LENGTH, sizeof(*values), compare);
		pthread_mutex_lock(&lock);
		sum += values[LENGTH / 2];
		pthread_mutex_unlock(&lock);
	}
	free(values);
	return NULL;
}

int main(void)
{
	pthread_t threads[2];
	unsigned seeds[2] = {1, 2};
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, work, &seeds[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("%lu\n", sum);
	return 0;
}
