/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of argv[0] lies above the main thread's stack: `global '??'` of module `[stack]`, and
 * in clang a line of complaint by the symbolizer in the middle of the report.
 */
#include <pthread.h>
#include "order.h"

static void *scribbles(void *arg)
{
	*(volatile char *)arg = 'x';
	order_step();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t;

	(void)argc;
	pthread_create(&t, NULL, scribbles, argv[0]);
	order_wait(1);
	*(volatile char *)argv[0] = 'y';
	pthread_join(t, NULL);
	return 0;
}
