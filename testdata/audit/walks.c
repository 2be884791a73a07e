/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler that asks libc for the stack: backtrace() allocates, and takes the loader's lock.
 */
#include <execinfo.h>
#include <signal.h>

static void *frames[32];
static volatile sig_atomic_t depth;

static void on_profile(int number)
{
	(void)number;
	depth = backtrace(frames, 32);
}

int main(void)
{
	static const struct sigaction action = {.sa_handler = on_profile};

	sigaction(SIGPROF, &action, 0);
	raise(SIGPROF);
	return depth < 1;
}
