/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler that prints. printf locks the stream that the program may have locked.
 */
#include <signal.h>
#include <stdio.h>

static void on_interrupt(int number, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	printf("signal %d at level %d\n", number, number + 1);
}

int main(void)
{
	struct sigaction action = {0};

	action.sa_sigaction = on_interrupt;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGINT, &action, NULL);
	raise(SIGINT);
	return 0;
}
