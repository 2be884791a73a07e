/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block profile is written into an array of the program's under the program's lock. Without the
 * lock the report names the library's function under the program's own caller.
 *
 * control: data race in rsh_blockprof_read<fill, reader
 * libs: -Wl,@{share}/lockprof.wrap
 * uninstrumented: ../races/step.c
 */
#include "user_waits.h"

struct rsh_lock_record records[4];
size_t got;

static NOINLINE int fill(void)
{
	return rsh_blockprof_read(records, 4, &got);
}

/* The first word of a record; the other program that reads one has the last. */
static NOINLINE int reader(void)
{
	return records[0].count != 1;
}

int main(void)
{
	user_wait();
	return user_take_turns((struct user_turns){fill, reader}) || got != 1;
}
