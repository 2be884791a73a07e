/* SPDX-License-Identifier: BSD-2-Clause */
/* A shared library that is loaded and unloaded by edges_counts.c. */

void library_hot(long i);

static _Thread_local volatile long sink;

__attribute__((visibility("default"), noinline)) void library_hot(long i)
{
	if (i % 2)
		sink += i;
}
