/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the profile has written is initialised, each field of it. In the control it comes by a copy of
 * which nobody tells MSan.
 *
 * detector: memory
 * control: use-of-uninitialized-value in look_at
 * uninstrumented: ../races/step.c unannotated.c
 */
#include "user_heap.h"

#include "unannotated.h"

#ifdef RSH_CONTROL
#define READ unannotated_read
#else
#define READ rsh_heapprof_read
#endif

static NOINLINE int look_at(const struct rsh_heap_record *r)
{
	uintptr_t any = 0;

	if (r->alloc_objects != 1 || r->alloc_bytes != OBJECT || r->free_objects != 1 ||
	    r->free_bytes != OBJECT || r->flags != 0 || r->n == 0)
		return 1;
	for (unsigned i = 0; i < RSH_HEAPPROF_DEPTH; i++)
		any |= r->pcs[i];
	return any == 0;
}

int main(void)
{
	struct rsh_heap_record *records = malloc(2 * sizeof(*records));
	size_t *got = malloc(sizeof(*got));
	int wrong;

	user_allocate();
	wrong = READ(records, 2, got) != 0;
	wrong = wrong || look_at(&records[0]) || *got != 1;
	free(got);
	free(records);
	return wrong;
}
