/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_EDGES_H
#define RSH_COVER_EDGES_H

/*
 * The engines of clang's SanitizerCoverage. A copy has one element for each edge, in the order of
 * the compiler's table: a byte, 0 or 1, of RSH_COVER_EDGES, a 64-bit count of RSH_COVER_EDGE_COUNTS.
 * Of the latter, u->live_layout is one more copy: what had been counted at the last clear.
 */

#include <raceshim/cover_edges.h>

#include "unit.h"

/* u->layout: the edges that functions begin with, bit by bit. */
struct rshi_edges_layout {
	uint64_t edges;
	uint64_t entries[];
};

/* One line of the compiler's table. */
struct rshi_edge {
	uintptr_t pc;
	uintptr_t flags;
};

#define RSHI_EDGE_ENTRY 1u

/* In the files, of every entry. */
#define RSHI_EDGE_IMPLIES 2u

/* The engine's functions that handlers use as well. */
void rshi_edges_sweep_sig(const struct rshi_unit *u, void *copy, int clear);
void rshi_edges_clear_sig(const struct rshi_unit *u);
void rshi_edges_fold_sig(const struct rshi_unit *u, void *into, const void *from);
uint64_t rshi_edges_records_sig(const struct rshi_unit *u, const void *copy, struct rshi_sink *s);
uint64_t rshi_edges_live_sig(const struct rshi_unit *u, const void *copy);

#endif /* RSH_COVER_EDGES_H */
