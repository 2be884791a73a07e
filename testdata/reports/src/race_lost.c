/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The older side's stack left the history long ago: `[failed to restore the stack]`. The newer
 * runtimes drop such a race in silence, only gcc 12's tells it.
 * compilers: gcc-12
 * options: history_size=0
 */
#include <pthread.h>
#include "order.h"

static volatile int shared;
static volatile long noise[1 << 16];

static __attribute__((noinline)) void one_more(int i)
{
	noise[i & 0xffff] = i;
}

static void *forgets(void *arg)
{
	shared = 1;
	for (int i = 0; i < 400000; i++)
		one_more(i);
	order_step();
	order_wait(2);
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, forgets, NULL);
	order_wait(1);
	shared = 2;
	order_step();
	pthread_join(t, NULL);
	return 0;
}
