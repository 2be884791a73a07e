/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread writes to a pipe while the other closes it: a race on a file descriptor.
 * machine: yes
 */
#include <pthread.h>
#include <unistd.h>
#include "order.h"

static int ends[2];

static void *uses_pipe(void *arg)
{
	if (write(ends[1], "x", 1) != 1)
		return NULL;
	order_step();
	return arg;
}

static __attribute__((noinline)) void make_pipe(void)
{
	if (pipe(ends))
		_exit(2);
}

int main(void)
{
	pthread_t t;

	make_pipe();
	pthread_create(&t, NULL, uses_pipe, NULL);
	order_wait(1);
	close(ends[1]);
	pthread_join(t, NULL);
	close(ends[0]);
	return 0;
}
