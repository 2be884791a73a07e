/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_COVER_UNIT_GCOV_H
#define RACESHIM_COVER_UNIT_GCOV_H

/*
 * How a link unit that gcc has compiled with `--coverage -fprofile-info-section` tells the library
 * where its counters are. Not for programs: `raceshim cc --cover` with gcc compiles
 * share/raceshim/cover_registrar_gcc.c, which does all this, into each link unit.
 *
 * The records of gcc are libgcov's private matter and differ by version. So the registrar, which
 * the same gcc compiles, reads them; the library asks it, once, for what they say.
 *
 * Which calls may overlap: rsh_cover_unit_register_gcov() and what rsh_cover_unit_register() may
 * (cover_unit.h).
 */

#include <stdint.h>

#include <raceshim/cover_unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct rsh_cover_gcov_file - what one object file of the program has
 *
 * @name:      of its .gcda file
 * @version:   of the format: the second word of that file
 * @stamp:     the third: which .gcno file belongs to it
 * @checksum:  the fourth
 * @functions: how many there are
 *
 * Return: nothing to return.
 * Threads: written by one call, read by its caller.
 * Signals: not read in handlers.               Fork: a child has its own copy.
 * Blocks: no.                                  Loss: none.
 * Detectors: not annotated; the registrar is not instrumented.
 */
struct rsh_cover_gcov_file {
	const char *name;
	uint32_t version;
	uint32_t stamp;
	uint32_t checksum;
	uint32_t functions;
};

/**
 * struct rsh_cover_gcov_counters - a function's counters of one kind
 *
 * @tag:    what stands before them in the file
 * @n:      how many
 * @first:  of them
 * @either: two runs' are combined by or, not by addition
 *
 * Return: nothing to return.
 * Threads: written by one call, read by its caller.
 * Signals: not read in handlers.               Fork: a child has its own copy.
 * Blocks: no.                                  Loss: none.
 * Detectors: not annotated; the registrar is not instrumented.
 */
struct rsh_cover_gcov_counters {
	uint32_t tag;
	uint32_t n;
	uint64_t *first;
	int either;
};

enum { RSH_COVER_GCOV_KINDS = 2 };

/**
 * struct rsh_cover_gcov_function - one function of an object file
 *
 * @here:  0: the linker took another object file's copy of it; then nothing below is set
 * @ident, @lineno_checksum, @cfg_checksum: what stands before its counters in the file
 * @kinds: how many elements of @of there are
 * @of:    its counters
 *
 * Return: nothing to return.
 * Threads: written by one call, read by its caller.
 * Signals: not read in handlers.               Fork: a child has its own copy.
 * Blocks: no.                                  Loss: none.
 * Detectors: not annotated; the registrar is not instrumented.
 */
struct rsh_cover_gcov_function {
	int here;
	uint32_t ident;
	uint32_t lineno_checksum;
	uint32_t cfg_checksum;
	uint32_t kinds;
	struct rsh_cover_gcov_counters of[RSH_COVER_GCOV_KINDS];
};

/**
 * struct rsh_cover_gcov_unit - a link unit of gcc's
 *
 * @unit:     as for the other engines; @unit.data is the section of pointers to gcc's records, one
 *	for each object file; counters, names and bitmaps are empty
 * @file:     say what the record @info is about. Returns 0, or RSH_ECOVERLAYOUT for a record of
 *	another version
 * @function: likewise, for function @i of it. RSH_ECOVERLAYOUT also if it has counters whose
 *	values cannot be added up
 *
 * Return: nothing to return.
 * Threads: as struct rsh_cover_unit.
 * Signals: not read in handlers.               Fork: a child has its own copy.
 * Blocks: no.                                  Loss: none.
 * Detectors: not annotated; the registrar is not instrumented.
 */
struct rsh_cover_gcov_unit {
	struct rsh_cover_unit unit;
	int (*file)(const void *info, struct rsh_cover_gcov_file *file);
	int (*function)(const void *info, uint32_t i, struct rsh_cover_gcov_function *function);
};

/**
 * rsh_cover_unit_register_gcov - register a unit of gcc's
 *
 * Like rsh_cover_unit_register(); rsh_cover_unit_unregister(&unit->unit) takes it back.
 *
 * @unit: in static storage of the link unit
 *
 * Return: as rsh_cover_unit_register().
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child's counters begin at zero.    Blocks: for a sweep of other threads'; files.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_cover_unit_register_gcov(struct rsh_cover_gcov_unit *unit);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_COVER_UNIT_GCOV_H */
