/* SPDX-License-Identifier: BSD-2-Clause */
/* Two threads count in one variable without a lock: `make check` passes, `raceshim gate` does not.
 */
#include <pthread.h>
#include <stdio.h>

static int hits;

static void *count(void *arg)
{
	for (int i = 0; i < 1000; i++)
		hits++;
	return arg;
}

int main(void)
{
	pthread_t a, b;
	pthread_create(&a, 0, count, 0);
	pthread_create(&b, 0, count, 0);
	pthread_join(a, 0);
	pthread_join(b, 0);
	printf("%d hits\n", hits);
	return 0;
}
