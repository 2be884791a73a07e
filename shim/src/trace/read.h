/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_READ_H
#define RSH_TRACE_READ_H

#include <stddef.h>

#include <raceshim/trace.h>

/* The next bytes, as rsh_trace_read(). */
int rshi_trace_read(const void **data, size_t *n);

/* As rsh_trace_start(), @options not NULL, without telling a detector. */
int rshi_trace_start(const struct rsh_trace_options *options);

/* In a forked child: nobody reads. */
void rshi_trace_read_forked(void);

#endif /* RSH_TRACE_READ_H */
