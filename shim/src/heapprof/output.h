/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_OUTPUT_H
#define RSH_HEAPPROF_OUTPUT_H

/* The profile as a file of profile.proto. */

#include <raceshim/writer.h>

struct rshi_at_end;

/* The environment variable that asks for one. */
extern struct rshi_at_end rshi_heap_at_end;

/* As rsh_heapprof_write(), without telling a detector. */
int rshi_heap_write(const struct rsh_writer *w);

#endif /* RSH_HEAPPROF_OUTPUT_H */
