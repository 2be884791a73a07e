/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of <raceshim/lockprof.h> that write the profile. */

#include <errno.h>

#include <raceshim/lockprof.h>

#include "core/detector.h"
#include "core/whole_file.h"
#include "core/wish.h"
#include "output.h"

__attribute__((noinline)) int rsh_lockprof_write(const struct rsh_writer *w)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_lockprof_write);
	struct rsh_writer writer;
	int err;

	if (!w)
		return RSH_ENOWRITER;
	rshi_frame_push(&caller);
	rshi_will_read(&caller, w, sizeof(*w));
	writer.write = w->write;
	writer.arg = w->arg;
	err = writer.write ? rshi_lockprof_write(&writer) : RSH_ENOWRITER;
	rshi_frame_pop();
	return err;
}

__attribute__((noinline)) int rsh_lockprof_write_file(const char *path)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_lockprof_write_file);

	if (!path)
		return EINVAL;
	rshi_frame_push(&caller);
	rshi_will_read(&caller, path, rshi_wish_length(path) + 1);
	rshi_frame_pop();
	return rshi_whole_file(path, rshi_lockprof_write);
}
