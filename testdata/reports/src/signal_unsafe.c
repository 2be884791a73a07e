/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A signal handler allocates memory.
 * machine: yes
 */
#include <signal.h>
#include <stdlib.h>

static void *volatile kept;

static __attribute__((noinline)) void allocates(void)
{
	kept = malloc(10);
}

static void handler(int sig)
{
	(void)sig;
	allocates();
}

int main(void)
{
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	free(kept);
	return 0;
}
