/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last byte of the array that the profile is read into is not there: the report begins in the
 * function that has made the call. The control has the byte.
 *
 * detector: address
 * report: heap-buffer-overflow in fill
 * control: clean
 * uninstrumented: ../races/step.c
 */
#include "user_heap.h"

#ifdef RSH_CONTROL
#define MISSING 0
#else
#define MISSING 1
#endif

static NOINLINE size_t fill(struct rsh_heap_record *records, size_t n)
{
	size_t got;

	if (rsh_heapprof_read(records, n, &got) != 0)
		abort();
	return got;
}

int main(void)
{
	struct rsh_heap_record *records = malloc(sizeof(*records) - MISSING);
	size_t got;

	user_allocate();
	got = fill(records, 1);
	free(records);
	return got != 1;
}
