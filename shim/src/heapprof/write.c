/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of <raceshim/heapprof.h> that write the profile. */

#include <raceshim/heapprof.h>

#include "core/handed.h"
#include "output.h"

__attribute__((noinline)) int rsh_heapprof_write(const struct rsh_writer *w)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_heapprof_write);

	return rshi_write_handed(&caller, w, rshi_heap_write);
}

__attribute__((noinline)) int rsh_heapprof_write_file(const char *path)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_heapprof_write_file);

	return rshi_write_file_handed(&caller, path, rshi_heap_write);
}
