/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler that calls through a pointer, which is set while the program runs.
 */
#include <signal.h>

static int (*volatile act)(int);
static volatile sig_atomic_t result;

static int twice(int number)
{
	return 2 * number;
}

static void on_user(int number)
{
	result = act(number);
}

int main(void)
{
	act = twice;
	signal(SIGUSR2, on_user);
	raise(SIGUSR2);
	return result != 2 * SIGUSR2;
}
