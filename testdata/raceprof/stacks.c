/* SPDX-License-Identifier: BSD-2-Clause */
/* The traceback function of stacks.h. Never instrument it. */
#include "stacks.h"

enum { SIZE = 32, REAL = 0x10000 };

static _Thread_local volatile unsigned own; /* the executable's own: no call */

/* The same sum for both threads: a table that is not careful takes one for the other. */
static uintptr_t pc_of(unsigned number, size_t i)
{
	return number == 1 ? i + 1 : SIZE - i;
}

void stacks_number(unsigned number)
{
	own = number;
}

size_t stacks_traceback(void *arg, const void *ucontext, uintptr_t *pcs, size_t max)
{
	unsigned number = own;

	(void)arg;
	if (number == 0 || ucontext == NULL || max < SIZE)
		return 0;
	for (size_t i = 0; i < SIZE; i++)
		pcs[i] = pc_of(number, i);
	return SIZE;
}

unsigned stacks_whose(const uintptr_t *pcs, size_t n)
{
	unsigned number = pcs[0] == 1 ? 1 : 2;

	if (n != SIZE || pcs[0] > SIZE)
		return pcs[0] >= REAL ? 0 : 3;
	for (size_t i = 0; i < SIZE; i++) {
		if (pcs[i] != pc_of(number, i))
			return 3;
	}
	return number;
}
