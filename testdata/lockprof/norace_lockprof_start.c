/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The profile is started with options that another thread changes: under a lock, or in the control
 * without, where the report names the library's function under the program's own caller.
 *
 * control: data race in rsh_lockprof_start<start, writer
 * libs: -Wl,@{share}/lockprof.wrap
 * uninstrumented: ../races/step.c
 */
#include "user_waits.h"

struct rsh_lockprof_options options = {1000, 1};

static NOINLINE int start(void)
{
	return rsh_lockprof_start(&options);
}

static NOINLINE int writer(void)
{
	options.mutex_fraction = 100;
	return 0;
}

int main(void)
{
	user_wait();
	return user_take_turns((struct user_turns){start, writer});
}
