/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the profiler has written is initialised, each field of it. In the control it comes by a copy
 * of which nobody tells MSan.
 *
 * detector: memory
 * control: use-of-uninitialized-value in look_at
 * uninstrumented: ../races/step.c unannotated.c
 */
#include "unannotated.h"
#include "user_memory.h"

#ifdef RSH_CONTROL
#define READ unannotated_read
#else
#define READ rsh_cpuprof_read
#endif

static NOINLINE int look_at(const struct rsh_cpuprof_record *r)
{
	uintptr_t any = 0;

	if (r->n == 0 || r->pcs[0] == 0 || r->lost != -1 || r->ticks == 0)
		return 1;
	for (unsigned i = 0; i < RSH_CPUPROF_DEPTH; i++)
		any |= r->pcs[i];
	return r->time == 0 || r->tid == 0 || r->n_labels != 0 || r->labels != NULL || any == 0;
}

int main(void)
{
	struct rsh_cpuprof_record *records = malloc(2 * sizeof(*records));
	size_t *got = malloc(sizeof(*got));
	int wrong;

	user_sample();
	wrong = READ(records, 2, got) != 0;
	wrong = wrong || look_at(&records[0]) || *got != 1;
	free(got);
	free(records);
	return wrong;
}
