/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of <raceshim/lockprof.h> that write the profile. */

#include <raceshim/lockprof.h>

#include "core/handed.h"
#include "output.h"

__attribute__((noinline)) int rsh_lockprof_write(const struct rsh_writer *w)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_lockprof_write);

	return rshi_write_handed(&caller, w, rshi_lockprof_write);
}

__attribute__((noinline)) int rsh_lockprof_write_file(const char *path)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_lockprof_write_file);

	return rshi_write_file_handed(&caller, path, rshi_lockprof_write);
}
