/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's own way to write, without a word to the detector. Never instrument it. */
#include <raceshim/sigsafe.h>

#include "unannotated.h"

int unannotated_read(struct rsh_heap_record *records, size_t n, size_t *got)
{
	static struct rsh_heap_record record;
	static size_t one;
	int err = rsh_heapprof_read(&record, n ? 1 : 0, &one);

	if (err)
		return err;
	rsh_memcpy_sig(records, &record, one * sizeof(record));
	rsh_memcpy_sig(got, &one, sizeof(one));
	return 0;
}
