/* SPDX-License-Identifier: BSD-2-Clause */
/* A program with a thread, to be profiled. */

#include <pthread.h>
#include <time.h>

#include <raceshim/cpuprof.h>

static void *turn(void *arg)
{
	volatile unsigned long turns = 0;

	for (clock_t end = clock() + CLOCKS_PER_SEC / 10; clock() < end;) {
		for (int i = 0; i < 100000; i++)
			turns++;
	}
	return arg;
}

int main(void)
{
	pthread_t thread;

	if (rsh_label_set("link", "static") || pthread_create(&thread, NULL, turn, NULL))
		return 1;
	return pthread_join(thread, NULL);
}
