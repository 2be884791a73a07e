/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_OUTPUT_H
#define RSH_CPUPROF_OUTPUT_H

/*
 * Where samples go that have come out of the rings: they are added up for a profile, or, if the
 * session is raw, wait for rsh_cpuprof_read().
 */

#include <raceshim/cpuprof.h>

#include "session.h"

struct rshi_pprof;

struct rshi_output {
	struct rshi_lock lock; /* guards all of this, and the reader's side of the pool */

	struct rshi_pool *pool;     /* of the session, also after its end; NULL: there was none */
	struct rshi_pprof *profile; /* NULL: raw */
	uint64_t period;            /* of the session, nanoseconds */
	uint64_t start, end;        /* nanoseconds since 1970; the end is 0 while it runs */
	uint64_t start_ticks;       /* the start by the processor's clock */
	uint64_t truncated, ticks;
	uint64_t unkept; /* samples that there was no memory for: delivered, and lost then */
	uint32_t clock;  /* RSH_CPUPROF_* */
	uint32_t hz;
	uint32_t blocked; /* threads that block the signal, at the last look */
	uint32_t taken;   /* atomic: the program has a handler of its own */
	int reason;       /* why it is not the clock that was preferred; an errno constant */
};

extern struct rshi_output rshi_output;

/* Begin with nothing, for a session that is about to start. Returns 0 or ENOMEM. */
int rshi_output_begin(int is_raw, uint64_t period, size_t rings, size_t size);

/* Forget what there is. */
void rshi_output_end(void);

/* Take everything out of the rings; with the lock. */
void rshi_output_drain(void);

/* Hand records over to who else wants samples; with the lock. */
void rshi_output_share(const uint64_t *records, size_t n);

/* Count records that somebody else takes, of a raw session; with the lock. */
void rshi_output_count(const uint64_t *records, size_t n);

/* What became of the samples; with the lock. */
void rshi_output_stats(struct rsh_cpuprof_stats *stats);

/* The profile as bytes. */
int rshi_output_write(const struct rsh_writer *w);

#endif /* RSH_CPUPROF_OUTPUT_H */
