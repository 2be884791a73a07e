/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap profile is written into an array of the program's under the program's lock. Without the
 * lock the report names the library's function under the program's own caller.
 *
 * control: data race in rsh_heapprof_read<fill, reader
 * uninstrumented: ../races/step.c
 */
#include "user_heap.h"

struct rsh_heap_record records[4];
size_t got;

static NOINLINE int fill(void)
{
	return rsh_heapprof_read(records, 4, &got);
}

/* The last word: all of a record is written. */
static NOINLINE int reader(void)
{
	return records[0].pcs[RSH_HEAPPROF_DEPTH - 1] != 0;
}

int main(void)
{
	user_allocate();
	return user_take_turns((struct user_turns){fill, reader}) || got != 1;
}
