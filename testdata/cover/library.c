/* SPDX-License-Identifier: BSD-2-Clause */
/* A library with counters of its own: lib_turn() counts how often it was called. */

#ifndef NAME
#define NAME "library"
#endif

int lib_turn(int n);
const char *lib_name(void);

static __attribute__((noinline)) int count_one(int n)
{
	return n + 1;
}

int lib_turn(int n)
{
	return count_one(n);
}

const char *lib_name(void)
{
	return NAME;
}

__attribute__((destructor)) static void lib_ends(void)
{
	(void)count_one(0);
}
