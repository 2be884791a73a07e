/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compiler makes a call of memcpy of a struct assignment, in a handler that calls nothing.
 */
#include <signal.h>
#include <stdio.h>

struct row {
	long pc[8192];
};

static struct row last, current;

__attribute__((noinline)) static void keep(struct row *to, const struct row *from)
{
	*to = *from;
}

static void on_profile(int number)
{
	current.pc[0] = number;
	keep(&last, &current);
}

int main(void)
{
	struct sigaction action = {.sa_handler = on_profile, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGPROF, &action, NULL))
		return 1;
	raise(SIGPROF);
	return last.pc[0] != SIGPROF;
}
