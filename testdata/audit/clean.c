/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handlers with nothing wrong: arithmetic, a switch, a function of the program's own, and a
 * thread-local variable of the executable.
 */
#include <signal.h>

static volatile sig_atomic_t seen;
static __thread volatile int depth;

__attribute__((noinline)) static int weight(int number)
{
	switch (number) {
	case 1:
		return 11;
	case 2:
		return 7;
	case 3:
		return 5;
	case 4:
		return 17;
	case 5:
		return 19;
	case 6:
		return 2;
	case SIGUSR1:
		return 3;
	default:
		return 23;
	}
}

static void on_user(int number)
{
	depth++;
	seen = seen + weight(number);
	depth--;
}

int main(void)
{
	struct sigaction action;

	action.sa_handler = on_user;
	action.sa_flags = 0;
	sigemptyset(&action.sa_mask);
	sigaction(SIGUSR1, &action, 0);
	sigaction(SIGUSR2, &action, 0);
	raise(SIGUSR1);
	return seen != 3;
}
