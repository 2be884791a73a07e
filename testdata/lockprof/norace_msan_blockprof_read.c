/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the profile has written is initialised, each field of it. In the control it comes by a copy of
 * which nobody tells MSan.
 *
 * detector: memory
 * control: use-of-uninitialized-value in look_at
 * libs: -Wl,@{share}/lockprof.wrap
 * uninstrumented: ../races/step.c unannotated.c
 */
#include "user_waits.h"

#include "unannotated.h"

#ifdef RSH_CONTROL
#define READ unannotated_read
#else
#define READ rsh_blockprof_read
#endif

static NOINLINE int look_at(const struct rsh_lock_record *r)
{
	uintptr_t any = 0;

	if (r->count != 1 || r->delay == 0 || r->kind != RSH_LOCK_SEM || r->n == 0)
		return 1;
	for (unsigned i = 0; i < RSH_LOCKPROF_DEPTH; i++)
		any |= r->pcs[i];
	return any == 0;
}

int main(void)
{
	struct rsh_lock_record *records = malloc(2 * sizeof(*records));
	size_t *got = malloc(sizeof(*got));
	int wrong;

	user_wait();
	wrong = READ(records, 2, got) != 0;
	wrong = wrong || look_at(&records[0]) || *got != 1;
	free(got);
	free(records);
	return wrong;
}
