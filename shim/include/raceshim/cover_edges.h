/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_COVER_EDGES_H
#define RACESHIM_COVER_EDGES_H

/*
 * How a link unit with clang's SanitizerCoverage counts its edges. Not for programs: `raceshim cc
 * --cover=edges` and `--cover=edge-counts` compile share/raceshim/cover_registrar_edges.c, which
 * does all this, into each link unit.
 *
 * Which calls may overlap:
 *
 *                                          rsh_cover_unit_count   rsh_cover_unit_(un)register_edges
 *   rsh_cover_unit_count                   yes                    yes
 *   rsh_cover_unit_(un)register_edges      yes                    of different units: yes
 */

#include <stdint.h>

#include <raceshim/cover_unit.h>
#include <raceshim/raceshim.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct rsh_cover_slabs - the threads' counters of one link unit
 *
 * Static storage of the link unit; all but @guards is zero at first and the library's.
 *
 * @guards: begin and end of the compiler's guards, one 4-byte number for each edge
 * @first:  the list of the threads' counters
 * @slabs:  how many there are
 * @look:   from how many on ended threads are looked for
 *
 * Return: nothing to return.
 * Threads: any, by the library's functions.   Signals: likewise.
 * Fork: a child has its own copy.              Blocks: no.
 * Loss: none.
 * Detectors: not annotated; compilers leave it uninstrumented.
 */
struct rsh_cover_slabs {
	uint32_t *guards[2];
	void *first;
	uint32_t slabs;
	uint32_t look;
};

/**
 * struct rsh_cover_edges - what rsh_cover_unit_register_edges() is given
 *
 * @unit:  where the unit's edges are
 * @slabs: of the same unit; unused unless @unit's engine is RSH_COVER_EDGE_COUNTS
 *
 * Return: nothing to return.
 * Threads: see struct rsh_cover_unit.         Signals: likewise.
 * Fork: a child has its own copy.              Blocks: no.
 * Loss: none.
 * Detectors: not annotated; compilers leave it uninstrumented.
 */
struct rsh_cover_edges {
	struct rsh_cover_unit unit;
	struct rsh_cover_slabs slabs;
};

/*
 * Count edge @guard in the slab at @base of the calling thread (see rsh_cover_unit_count()): one
 * instruction, so that a signal comes before or behind it; or atomic, where there is none such.
 */
#if defined(__x86_64__)
#define RSH_COVER_COUNT(base, guard)                                                               \
	__asm__ volatile("incq (%0,%1,2)" : : "r"(base), "r"(guard) : "memory", "cc")
#else
#define RSH_COVER_COUNT(base, guard)                                                               \
	__atomic_fetch_add((uint64_t *)((base) + 2 * (uintptr_t)(guard)), 1, __ATOMIC_RELAXED)
#endif

/**
 * rsh_cover_unit_count - count an edge in a thread that has no slab yet
 *
 * Gives the thread one and counts the edge. *@mine becomes the slab's base: a counter is where
 * RSH_COVER_COUNT() says. Without memory for a slab *@mine stays 0, and the edge is counted in its
 * guard, by an atomic increment that stops at 2^32 - 1.
 *
 * @slabs: of the link unit; whether it has been registered does not matter
 * @guard: the edge's
 * @mine:  0; a thread-local variable of the link unit, static in a way that needs no call to find
 *
 * Return: nothing.
 * Threads: any, registered or not, until its very end. Signals: async-signal-safe.
 * Fork: a child goes on with the slab.         Blocks: no (one mmap).
 * Loss: none below 2^32 edges that found no memory.
 * Detectors: nothing is annotated, no happens-before edge, no call of a detector.
 */
RSH_API void rsh_cover_unit_count(struct rsh_cover_slabs *slabs, const uint32_t *guard,
                                  uintptr_t *mine);

/**
 * rsh_cover_unit_register_edges - rsh_cover_unit_register() of the engines of edges
 *
 * @edges: as for rsh_cover_unit_register(): @data is the table of pcs, @counters are the flags
 *	(@counter_size 1) or guards (4) of RSH_COVER_EDGES, or the guards of RSH_COVER_EDGE_COUNTS
 *
 * Return: 0; EINVAL (another @abi or engine); RSH_ECOVERLAYOUT; ENOMEM.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child's counters begin at zero.    Blocks: for a sweep of other threads'; files.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_cover_unit_register_edges(struct rsh_cover_edges *edges);

/**
 * rsh_cover_unit_unregister_edges - rsh_cover_unit_unregister() of the engines of edges
 *
 * @edges: one that is not registered, or NULL, is ignored
 *
 * Return: nothing.
 * Threads: any; at the exit of the process code of the unit may still run. Signals: not
 *	async-signal-safe.
 * Fork: unaffected.                            Blocks: for a sweep of other threads'.
 * Loss: what is counted later; all the unit's counts if there is no memory to keep them: then the
 *	next write returns ENOMEM.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API void rsh_cover_unit_unregister_edges(struct rsh_cover_edges *edges);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_COVER_EDGES_H */
