/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler of which a helper is instrumented, when this is built with a detector. Without one
 * nothing is wrong.
 */
#include <signal.h>

static int ticks[8];

__attribute__((noinline)) static void count(int number)
{
	ticks[number % 8]++;
}

#if defined(__clang__)
__attribute__((disable_sanitizer_instrumentation))
#else
__attribute__((no_sanitize("thread", "address")))
#endif
static void
on_tick(int number)
{
	count(number);
}

int main(void)
{
	signal(SIGVTALRM, on_tick);
	raise(SIGVTALRM);
	return !ticks[SIGVTALRM % 8];
}
