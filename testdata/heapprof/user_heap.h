/* SPDX-License-Identifier: BSD-2-Clause */
/* A profile of this program's heap, with one stack in it. */
#ifndef USER_HEAP_H
#define USER_HEAP_H

#include <raceshim/heapprof.h>

#include "../cpuprof/user_memory.h"

#define OBJECT 4711

/* user_allocate - one object, the only one that is sampled */
static NOINLINE void user_allocate(void)
{
	void *volatile object;

	if (rsh_heapprof_rate(1) != 0)
		abort();
	object = malloc(OBJECT);
	if (rsh_heapprof_rate(0) != 0)
		abort();
	free(object);
}

#endif
