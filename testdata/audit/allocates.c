/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler that allocates, two calls further down.
 */
#include <signal.h>
#include <stdlib.h>

static void *volatile kept;

__attribute__((noinline)) static void grow(size_t size)
{
	kept = malloc(size);
}

__attribute__((noinline)) static int note(int number)
{
	grow((size_t)number * 8);
	return number;
}

static volatile sig_atomic_t noted;

static void on_alarm(int number)
{
	noted = note(number);
}

int main(void)
{
	signal(SIGALRM, on_alarm);
	raise(SIGALRM);
	free(kept);
	return !noted;
}
