/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_COVER_H
#define RACESHIM_COVER_H

/*
 * Coverage of a running program under the program's control: written while its threads go on, into
 * a directory or a function of its own, and cleared in between.
 *
 * Counters are those of a compiler (`raceshim cc --cover=…`), in the program and in every shared
 * library that is or was loaded, and arrays that the program registers itself. Without a call,
 * RACESHIM_COVERDIR says where a process leaves its files when it ends. What stands in the files,
 * docs/formats.md says; `raceshim cover` reads them.
 *
 * Which calls may overlap, that is, run in two threads at the same time: all of them, also with
 * code that counts, with threads that begin and end, with dlopen, dlclose and fork. Two exceptions:
 * rsh_cover_unregister() of an array with rsh_cover_register() of the same; and calls that share a
 * writer (<raceshim/writer.h>).
 *
 * With RACESHIM_COVERDIR, which is read once, when the first counters are registered:
 *
 * - The meta files are written at once, one counters file when the process ends: by return from
 *   main, exit (after all handlers and destructors, before a detector's own check), quick_exit,
 *   _exit, _Exit or a function of the exec family called by code that was built with coverage, by
 *   an error that a detector ends the process for, or by a signal that kills. The exit status, or
 *   the signal, is what it would have been; what goes wrong is told on stderr.
 * - After an exec that failed, or a signal whose handler came back, the process goes on, and the file
 *   that it leaves later replaces the one that is there: none of its counts is in two files.
 * - Handlers are installed before main for the signals whose default is to kill, where they are not
 *   ignored. They write the file and go on to what was there before. A handler of the program's
 *   own, set later, replaces ours: nothing is written unless the process then ends in one of the
 *   ways above, or the handler restores or calls what was there before it.
 * - Nothing is written after SIGKILL, or when the program itself sets SIG_DFL for a signal and
 *   dies of it, or by a system call of its own (exit_group); nor by a child that was made past
 *   libc's fork. Such a program calls rsh_cover_write_counters_dir().
 * - A child of fork() writes a file of its own, with what it has counted itself; a child of vfork()
 *   counts in its parent's memory, and the parent writes that.
 * - A library that was built with coverage, in a program that was not, stays loaded after dlclose.
 *
 * In a program without coverage all of them link and return RSH_ENOTCOVERED, but for
 * rsh_cover_register(), which makes it one with coverage.
 */

#include <stdint.h>

#include <raceshim/raceshim.h>
#include <raceshim/writer.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * rsh_cover_enabled - does anything in the program count?
 *
 * Return: 1 or 0.
 * Threads: any.                                Signals: async-signal-safe.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_cover_enabled(void);

/**
 * rsh_cover_write_meta_dir - write what never changes: covmeta.<hash>
 *
 * One file for each link unit and registered array. One that is there and intact is left alone, one
 * that is damaged is replaced. A counters file is of no use without; with RACESHIM_COVERDIR the files
 * are in that directory from the start.
 *
 * @dir: a directory that exists; a relative path starts at the working directory
 *
 * Return: 0; RSH_ENOTCOVERED; RSH_ECOVERLAYOUT; EINVAL (@dir is NULL); ENOMEM; what keeps the files
 *	from being written: ENOENT, ENOTDIR, EACCES, ENOSPC, EMFILE and so on. After an error no
 *	unfinished file remains; files that were finished do.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: unaffected.                            Blocks: for the files.
 * Loss: none.
 * Detectors: @dir is read, in rsh_cover_write_meta_dir called from the caller. No happens-before
 *	edge: files are written past libc.
 */
RSH_API int rsh_cover_write_meta_dir(const char *dir);

/**
 * rsh_cover_write_meta - the same bytes, one unit after the other, for a function of the caller's
 *
 * @w: receives the bytes; no lock is held meanwhile
 *
 * Return: 0; RSH_ENOWRITER; RSH_ENOTCOVERED; RSH_ECOVERLAYOUT; ENOMEM; or what the writer returned
 *	if that is not 0.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: unaffected.                            Blocks: no, apart from the writer.
 * Loss: none.
 * Detectors: @w is read, in rsh_cover_write_meta called from the caller. No happens-before edge.
 */
RSH_API int rsh_cover_write_meta(const struct rsh_writer *w);

/**
 * rsh_cover_write_counters_dir - write what has been counted: covcounters.<hash>.<pid>.<time>
 *
 * Every counter is read once, in one sweep, into a private copy: no consistent cut, since others
 * count on, but what is written is what was read, and a function that had returned before the call
 * is in it. Counters are not changed. Each call makes a new file; several files of one process are
 * snapshots, not parts: to merge them, clear in between.
 *
 * @dir: a directory that exists
 *
 * Return: as rsh_cover_write_meta_dir(). After an error nothing of the file remains.
 * Threads: any.                                Signals: not async-signal-safe; what kills the
 *	process writes a file by itself.
 * Fork: a child's counters begin at zero.      Blocks: for the file; others that read or clear
 *	wait for the sweep only.
 * Loss: none.
 * Detectors: @dir is read, in rsh_cover_write_counters_dir called from the caller. The counters
 *	are read with relaxed atomic loads that no detector sees, since the increments are the
 *	compiler's and no detector sees all of those either. No happens-before edge.
 */
RSH_API int rsh_cover_write_counters_dir(const char *dir);

/**
 * rsh_cover_write_counters - the same bytes for a function of the caller's
 *
 * @w: receives the bytes; no lock is held meanwhile, and nothing that it does changes them
 *
 * Return: 0; RSH_ENOWRITER; RSH_ENOTCOVERED; RSH_ECOVERLAYOUT; ENOMEM; or what the writer returned
 *	if that is not 0.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: a child's counters begin at zero.      Blocks: for other threads' sweeps, and the writer.
 * Loss: none.
 * Detectors: @w is read, in rsh_cover_write_counters called from the caller; counters as in
 *	rsh_cover_write_counters_dir().
 */
RSH_API int rsh_cover_write_counters(const struct rsh_writer *w);

/**
 * rsh_cover_clear - every counter becomes zero
 *
 * Works in every mode. Counters become zero one after the other, while others count on:
 *
 * - atomic: every increment is either cleared or counted from then on.
 * - set: code that ran before and not since is not reached; for code that runs during the call
 *	either may be said.
 * - count: an increment that is under way may bring its counter back to what it was before.
 *
 * Return: 0; RSH_ENOTCOVERED; RSH_ECOVERLAYOUT; ENOMEM.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: unaffected.                            Blocks: for other threads' sweeps.
 * Loss: what is cleared, as asked.
 * Detectors: nothing is annotated: counters as in rsh_cover_write_counters_dir().
 */
RSH_API int rsh_cover_clear(void);

/**
 * rsh_cover_read_and_clear - write what has been counted and clear just that
 *
 * Each counter is exchanged for zero in one atomic step. In mode atomic the sum of what all calls
 * write and of what is left at the end is the number of increments, whatever runs meanwhile. In mode
 * set the union is what was reached.
 *
 * @w: receives the bytes that rsh_cover_write_counters() would write; no lock is held meanwhile
 *
 * Return: 0; RSH_ENOWRITER; RSH_ENOTCOVERED; RSH_ECOVERMODE (a plain increment could bring back what
 *	was taken: mode count is not possible); RSH_ECOVERLAYOUT; ENOMEM; or what the writer
 *	returned if that is not 0.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: a child's counters begin at zero.      Blocks: as rsh_cover_write_counters().
 * Loss: none: if the writer fails, what was taken is added to what is counted later. The counts of
 *	a process that is killed before the writer has returned are lost.
 * Detectors: as rsh_cover_write_counters().
 */
RSH_API int rsh_cover_read_and_clear(const struct rsh_writer *w);

/**
 * struct rsh_cover_stats - how much there is to count, and how much of it has run
 *
 * @units:     link units and registered arrays
 * @functions: functions of all units; for edges their entries; 1 for an array
 * @counters:  counters of all units; for edges the edges
 * @live:      functions of which a counter is not zero; for arrays the counters
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_cover_stats {
	uint64_t units;
	uint64_t functions;
	uint64_t counters;
	uint64_t live;
};

/**
 * rsh_cover_stats - fill in a struct rsh_cover_stats
 *
 * @stats: is written unless an error is returned
 *
 * Return: 0; EINVAL (@stats is NULL); RSH_ENOTCOVERED; RSH_ECOVERLAYOUT; ENOMEM.
 * Threads: any; the caller synchronises @stats. Signals: not async-signal-safe.
 * Fork: a child's counters begin at zero.      Blocks: for other threads' sweeps.
 * Loss: none.
 * Detectors: *@stats is written, in rsh_cover_stats called from the caller; counters as in
 *	rsh_cover_write_counters_dir().
 */
RSH_API int rsh_cover_stats(struct rsh_cover_stats *stats);

/**
 * struct rsh_cover_line - what a counter of a registered array stands for
 *
 * @function: its name; NULL or "" if there is none
 * @file:     the source file; likewise
 * @line:     from 1; 0 if there is none
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_cover_line {
	const char *function;
	const char *file;
	uint64_t line;
};

/**
 * struct rsh_cover_array - counters of the program's own: an interpreter's, a JIT's
 *
 * @name:     of the array, in the files; arrays of the same name, size and lines are one
 * @counters: the first; aligned to its size
 * @n:        how many
 * @bits:     of each: 8, 32 or 64
 * @mode:     what they mean: 1 reached or not (zero or not), 2 plain increments, 3 atomic ones
 * @lines:    of each counter, or NULL
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_cover_array {
	const char *name;
	void *counters;
	uint64_t n;
	unsigned int bits;
	unsigned int mode;
	const struct rsh_cover_line *lines;
};

/**
 * rsh_cover_register - count with an array of the program's own
 *
 * From now on the array is part of what is written and cleared; a child of a fork finds it zeroed.
 * Its counters stay where they are until rsh_cover_unregister().
 *
 * @array: names and lines are copied
 *
 * Return: 0; EINVAL (a NULL where none may be, no counters, bits or mode that do not exist);
 *	EBUSY (counters that are registered already); RSH_EMISALIGNED; EOVERFLOW; ENOMEM.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child's array begins at zero.      Blocks: for other threads' sweeps; with
 *	RACESHIM_COVERDIR for the meta file.
 * Loss: none.
 * Detectors: *@array, its names and its lines are read, in rsh_cover_register called from the
 *	caller. The counters are read and cleared by relaxed atomic operations that no detector
 *	sees: registering them says that this is so. No happens-before edge.
 */
RSH_API int rsh_cover_register(const struct rsh_cover_array *array);

/**
 * rsh_cover_unregister - the memory of a registered array is the program's again
 *
 * What has been counted is kept, and written as before; if an array of the same name, size and lines
 * is registered later, the counts add up.
 *
 * @counters: what was registered
 *
 * Return: 0; EINVAL (not registered); ENOMEM (the counts are lost).
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: unaffected.                            Blocks: for other threads' sweeps.
 * Loss: none, but for ENOMEM.
 * Detectors: as rsh_cover_register(); nobody looks at the counters any more when it returns.
 */
RSH_API int rsh_cover_unregister(const void *counters);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_COVER_H */
