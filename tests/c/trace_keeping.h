/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_TRACE_KEEPING_H
#define RSH_TESTS_TRACE_KEEPING_H

/*
 * Writes traces into a folder as they are read, for others to look at: each in the tracer's own
 * format, N.trace, and as the library converts it, N.pftrace.
 */

#include <stdio.h>

#include "encode/perfetto.h"
#include "trace_reading.h"

struct trace_keeping {
	const char *folder; /* NULL: keep none */
	unsigned int n;     /* of this trace */
	FILE *raw, *encoded;
	struct rshi_perfetto *encoder;
};

/* Keep what @r reads from here to trace_keep_end(), which is one trace. */
void trace_keep_begin(struct trace_keeping *k, struct trace_reading *r);
void trace_keep_end(struct trace_keeping *k);

#endif /* RSH_TESTS_TRACE_KEEPING_H */
