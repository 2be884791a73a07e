/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_WHOLE_FILE_H
#define RSH_CORE_WHOLE_FILE_H

/* Bytes on their way out: a file that is complete when it has its name, and what a lock held back. */

#include <raceshim/writer.h>

#include "grow.h"

/*
 * Have @write write a file, which has its name when it is complete; until then, and after an error,
 * @path is as it was. Returns 0, what @write returned, or a positive errno constant.
 */
int rshi_whole_file(const char *path, int (*write)(const struct rsh_writer *w));

/* A writer's function that appends to the struct rshi_grow @arg, for bytes that are made with a
   lock held, which no writer of the user's may be called with. */
int rshi_keep(void *arg, const void *buf, size_t n);

/* Hand over what was kept, if @err is 0, and give the memory back. Returns @err or the writer's. */
int rshi_hand_over(struct rshi_grow *kept, int err, const struct rsh_writer *w);

#endif /* RSH_CORE_WHOLE_FILE_H */
