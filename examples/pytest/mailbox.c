/* SPDX-License-Identifier: BSD-2-Clause */
/* One thread posts a letter and raises a flag, the other waits for the flag and reads the letter.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

static FLAG full;
static int letter;

__attribute__((noinline)) static void *post(void *arg)
{
	letter = 42;
	full = 1;
	return arg;
}

__attribute__((noinline)) static int collect(void)
{
	while (!*(volatile FLAG *)&full)
		sched_yield();
	return letter;
}

int main(void)
{
	pthread_t poster;
	pthread_create(&poster, 0, post, 0);
	printf("%d\n", collect());
	pthread_join(poster, 0);
	return 0;
}
