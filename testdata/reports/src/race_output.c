/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that talks on stderr while its race is reported: a callback of the runtime writes
 * whole lines, half lines and an empty one, before and in the middle of reports.
 */
#include <pthread.h>
#include <unistd.h>
#include "order.h"

static volatile int shared;
static volatile int other;

static void *talker(void *arg)
{
	shared = 1;
	other = 1;
	order_step();
	return arg;
}

static __attribute__((noinline)) void says(const char *text, unsigned n)
{
	if (write(2, text, n) != (ssize_t)n)
		_exit(2);
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, talker, NULL);
	order_wait(1);
	says("progress: 50%", 13);
	shared = 2;
	says("\n  done:\n", 9);
	says("==================\n", 19);
	other = 2;
	pthread_join(t, NULL);
	return 0;
}
