/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_COVER_UNIT_H
#define RACESHIM_COVER_UNIT_H

/*
 * How a link unit (an executable or a shared library) tells the library where its coverage counters
 * are. Not for programs: `raceshim cc --cover` compiles share/raceshim/cover_registrar.c, which does
 * all this, into each link unit.
 *
 * Which calls may overlap:
 *
 *                                register, unregister      start      finish
 *   rsh_cover_unit_register,     of different units: yes   yes        yes
 *     rsh_cover_unit_unregister  of one unit: no
 *   rsh_cover_unit_start         yes                       yes        yes
 *   rsh_cover_unit_finish,       yes                       yes        yes
 *     rsh_cover_unit_exec
 */

#include <stdint.h>

#include <raceshim/raceshim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What counts, and what the counts mean. The numbers stand in the files: docs/formats.md. */
enum {
	RSH_COVER_SOURCE = 1,      /* clang's source-based coverage */
	RSH_COVER_EDGES = 2,       /* SanitizerCoverage, reached or not */
	RSH_COVER_EDGE_COUNTS = 3, /* SanitizerCoverage, how often */
	RSH_COVER_ARRAY = 4,       /* rsh_cover_register() */
	RSH_COVER_GCOV = 5         /* gcc's --coverage */
};

enum {
	RSH_COVER_SET = 1,   /* reached or not */
	RSH_COVER_COUNT = 2, /* plain increments: concurrent ones may be lost */
	RSH_COVER_ATOMIC = 3 /* atomic increments: exact */
};

/**
 * struct rsh_cover_unit - where the counters of one link unit are
 *
 * Static storage of the link unit, filled before it is registered and not changed until it has been
 * unregistered. Addresses are those of the running program; a range that is empty has two NULLs.
 *
 * @abi:       sizeof(struct rsh_cover_unit) where the unit was compiled
 * @raw_version: INSTR_PROF_RAW_VERSION of the compiler (source)
 * @engine:    RSH_COVER_SOURCE ...
 * @mode:      RSH_COVER_SET ...
 * @counter_size: 8, or 1 for single-byte coverage (source)
 * @record_size: of one record at @data (source), and where in it are: @name_ref and @func_hash (8
 *	bytes each), @counter_ptr (relative to the record), @num_counters (4 bytes), @bitmap_ptr
 *	and @num_bitmap (likewise; both 0 where the compiler has no bitmaps)
 * @compiler:  __VERSION__
 * @image:     the link unit's ELF header in memory
 * @data, @counters, @names, @bitmaps: begin and end of the sections. Edges: @data is the table of
 *	pcs, @counters the flags or guards, @names the table of control flow if blocks that others
 *	imply have no counter. gcov: @data are the pointers to struct gcov_info.
 * @hook:      gcov: __gcov_info_to_gcda; else NULL
 * @core:      the library's own, NULL at first
 *
 * Return: nothing to return.
 * Threads: as the table above says.            Signals: read in handlers while registered.
 * Fork: a child has its own copy.              Blocks: no.
 * Loss: none.
 * Detectors: not annotated; compilers leave the memory that it describes uninstrumented.
 */
struct rsh_cover_unit {
	uint32_t abi;
	uint32_t raw_version;
	uint8_t engine;
	uint8_t mode;
	uint8_t counter_size;
	uint8_t reserved;
	uint32_t record_size;
	uint16_t name_ref;
	uint16_t func_hash;
	uint16_t counter_ptr;
	uint16_t num_counters;
	uint16_t bitmap_ptr;
	uint16_t num_bitmap;
	const char *compiler;
	const void *image;
	const void *data[2];
	const void *counters[2];
	const void *names[2];
	const void *bitmaps[2];
	void (*hook)(void);
	void *core;
};

/**
 * rsh_cover_unit_register - from now on the unit's counters are part of what the process writes
 *
 * With the first unit the library reads RACESHIM_COVERDIR and sets up what writes at exit; with that
 * variable set, the unit's meta file is written.
 *
 * @unit: a unit of the source engine; other engines have functions of their own
 *
 * Return: 0; EINVAL (another @abi or engine); RSH_ECOVERLAYOUT; ENOMEM. After an error the unit is
 *	left out, and what writes coverage returns the same error.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child's counters begin at zero.    Blocks: for a sweep of other threads'; files.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_cover_unit_register(struct rsh_cover_unit *unit);

/**
 * rsh_cover_unit_unregister - the unit is about to be unloaded
 *
 * Its counts are kept, and written as if it was still there; if the same link unit is loaded again,
 * the counts add up.
 *
 * @unit: of any engine; one that is not registered is ignored
 *
 * Return: nothing.
 * Threads: any; nothing of the unit runs.      Signals: not async-signal-safe.
 * Fork: unaffected.                            Blocks: for a sweep of other threads'.
 * Loss: the unit's counts if there is no memory to keep them: then the next write returns ENOMEM.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API void rsh_cover_unit_unregister(struct rsh_cover_unit *unit);

/**
 * rsh_cover_unit_start - set up what writes at exit
 *
 * Registering does so too. An executable calls this before any constructor runs, so that the counts
 * of all destructors are in the file: what is registered first runs last.
 *
 * Return: nothing.
 * Threads: any; only the first call has an effect. Signals: not async-signal-safe.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API void rsh_cover_unit_start(void);

/**
 * rsh_cover_unit_finish - write what the exit would write: the process ends without its handlers
 *
 * Before _exit(), for example. Only the first call that a process ends with writes; in a child made
 * by vfork, whose memory is the parent's, there is nothing to do.
 *
 * Return: nothing; an error is told on stderr.
 * Threads: any; while one writes, others wait. Signals: async-signal-safe.
 * Fork: a child writes its own.                Blocks: for the writing.
 * Loss: what is counted later; a text on stderr if the file cannot be written.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API void rsh_cover_unit_finish(void);

/**
 * rsh_cover_unit_exec - write what the exit would write: the process may become another program
 *
 * Before execve() and its like. If the exec fails, nothing has happened: the process goes on to
 * count, and the file that it leaves at its end, or before the next exec, replaces this one, in one
 * step. In a child made by vfork there is nothing to do.
 *
 * Return: nothing; the first error is told on stderr.
 * Threads: any; while one writes, others wait. Signals: async-signal-safe.
 * Fork: a child writes its own.                Blocks: for the writing.
 * Loss: what other threads count until the exec ends them; a text on stderr if the file cannot be
 *	written.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API void rsh_cover_unit_exec(void);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_COVER_UNIT_H */
