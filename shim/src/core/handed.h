/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_HANDED_H
#define RSH_CORE_HANDED_H

/*
 * Where a public function is to write to, as its caller has handed it over: read once, and the
 * detector told so. Part of the public function, whose frame is the one that reports show.
 */

#include <errno.h>

#include <raceshim/raceshim.h>
#include <raceshim/writer.h>

#include "detector.h"
#include "whole_file.h"
#include "wish.h"

/* Under the public function's frame: copy the caller's writer @w; 0 or RSH_ENOWRITER. */
static inline int rshi_take_handed(const struct rshi_caller *caller, const struct rsh_writer *w,
                                   struct rsh_writer *writer)
{
	if (!w)
		return RSH_ENOWRITER;
	rshi_will_read(caller, w, sizeof(*w));
	writer->write = w->write;
	writer->arg = w->arg;
	return writer->write ? 0 : RSH_ENOWRITER;
}

/* Let @write write to the caller's writer @w, under the public function's frame. */
static inline int rshi_write_handed(const struct rshi_caller *caller, const struct rsh_writer *w,
                                    int (*write)(const struct rsh_writer *w))
{
	struct rsh_writer writer;
	int err;

	rshi_frame_push(caller);
	err = rshi_take_handed(caller, w, &writer);
	if (!err)
		err = write(&writer);
	rshi_frame_pop();
	return err;
}

/* Likewise to the file @path of the caller's, by rshi_whole_file(). */
static inline int rshi_write_file_handed(const struct rshi_caller *caller, const char *path,
                                         int (*write)(const struct rsh_writer *w))
{
	if (!path)
		return EINVAL;
	rshi_frame_push(caller);
	rshi_will_read(caller, path, rshi_wish_length(path) + 1);
	rshi_frame_pop();
	return rshi_whole_file(path, write);
}

#endif /* RSH_CORE_HANDED_H */
