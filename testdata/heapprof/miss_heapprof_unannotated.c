/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile that comes into the program's array by a copy of which nobody tells the detector: the
 * race on it is missed. The control has the library write there itself, which says so.
 *
 * control: data race in rsh_heapprof_read<fill, reader
 * uninstrumented: ../races/step.c unannotated.c
 */
#ifdef RSH_CONTROL
#define READ rsh_heapprof_read
#else
#define READ        unannotated_read
#define RSH_CONTROL /* no lock either way */
#endif
#include "user_heap.h"

#include "unannotated.h"

struct rsh_heap_record records[1];
size_t got;

static NOINLINE int fill(void)
{
	return READ(records, 1, &got);
}

static NOINLINE int reader(void)
{
	return records[0].pcs[0] == 0;
}

int main(void)
{
	user_allocate();
	return user_take_turns((struct user_turns){fill, reader});
}
