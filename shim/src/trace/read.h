/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_READ_H
#define RSH_TRACE_READ_H

#include <stddef.h>

/* The next bytes, as rsh_trace_read(). */
int rshi_trace_read(const void **data, size_t *n);

/* In a forked child: nobody reads. */
void rshi_trace_read_forked(void);

#endif /* RSH_TRACE_READ_H */
