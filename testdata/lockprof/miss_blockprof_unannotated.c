/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile that comes into the program's array by a copy of which nobody tells the detector: the
 * race on it is missed. The control has the library write there itself, which says so.
 *
 * control: data race in rsh_blockprof_read<fill, reader
 * libs: -Wl,@{share}/lockprof.wrap
 * uninstrumented: ../races/step.c unannotated.c
 */
#ifdef RSH_CONTROL
#define READ rsh_blockprof_read
#else
#define READ        unannotated_read
#define RSH_CONTROL /* no lock either way */
#endif
#include "user_waits.h"

#include "unannotated.h"

struct rsh_lock_record records[1];
size_t got;

static NOINLINE int fill(void)
{
	return READ(records, 1, &got);
}

static NOINLINE int reader(void)
{
	return records[0].pcs[RSH_LOCKPROF_DEPTH - 1] != 0;
}

int main(void)
{
	user_wait();
	return user_take_turns((struct user_turns){fill, reader});
}
