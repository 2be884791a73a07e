/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many stacks the mutex profile has is written, under the program's lock, even if there are none.
 *
 * control: data race in rsh_mutexprof_read<fill, reader
 * libs: -Wl,@{share}/lockprof.wrap
 * uninstrumented: ../races/step.c
 */
#include "user_waits.h"

struct rsh_lock_record records[4];
size_t got = 5;

static NOINLINE int fill(void)
{
	return rsh_mutexprof_read(records, 4, &got);
}

static NOINLINE int reader(void)
{
	return got != 0;
}

int main(void)
{
	user_wait();
	return user_take_turns((struct user_turns){fill, reader});
}
