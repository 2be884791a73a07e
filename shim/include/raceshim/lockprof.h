/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_LOCKPROF_H
#define RACESHIM_LOCKPROF_H

/*
 * Where the running program waits for locks, and who held them. Two profiles by stack:
 *
 * - the block profile has who waited, and how long: for mutexes, reader-writer locks, condition
 *   variables, semaphores, barriers, and threads to join;
 * - the mutex profile has who kept others waiting: the unlock of a mutex or of a reader-writer lock
 *   (also the one in pthread_cond_wait) is charged with the time that all who waited at that moment
 *   had waited since the unlock before, or since they came.
 *
 * With RACESHIM_LOCKPROFILE=PATH[:RATE[:FRACTION]] in the environment, which is read once, before main,
 * a program whose calls come to the library profiles itself at these rates, or those below, and writes
 * PATH when it ends, as <raceshim/cpuprof.h> says of RACESHIM_CPUPROFILE.
 *
 * Which calls may overlap, that is, run in two threads at the same time: all of them, also with
 * threads that begin and end, with fork and with signals; but for calls that share an array
 * or a writer (<raceshim/writer.h>).
 *
 * The program's calls have to come to the library first. They do
 *
 * - in what is linked by `raceshim cc --locks=yes`, or with -Wl,--wrap=pthread_mutex_lock and so on
 *   and libraceshim.a: calls that are in that program or shared library;
 * - everywhere, where libraceshim-locks.so is preloaded (LD_PRELOAD) or linked, which is
 *   libraceshim.so with these functions in front of libc's, and with a profile of its own: the
 *   functions below tell of it if they are called in it, that is, in a program without libraceshim.a;
 * - in a program that clang's ThreadSanitizer is linked into, with libraceshim.a alone.
 *
 * Everything else pays nothing. Functions that never wait (trylock) are left alone, and so are
 * spinlocks. The threads of C11 (mtx_, cnd_, thrd_join) count like those of POSIX.
 *
 * A lock that is free costs one more look at it, and no clock. What waits is measured by the
 * processor's clock, and sampled as it ends. After that no call of the detector's, of libc's or of the
 * program's is made: there is no lock that a measurement could wait for.
 *
 * ThreadSanitizer sees the program's locks as without us, with the same reports. With clang's runtime
 * the library stands behind it, where nothing shows; with gcc's in front of it, where the stack of a
 * call that waited has one more frame, rshi_wait_<function>, between the detector's and the caller's.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/raceshim.h>
#include <raceshim/writer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RSH_LOCKPROF_DEPTH 64 /* pcs of a stack at most */

/* What was waited for, in a struct rsh_lock_record. */
#define RSH_LOCK_MANY    0 /* different things: those of stacks that there was no room for */
#define RSH_LOCK_MUTEX   1
#define RSH_LOCK_READ    2 /* a reader-writer lock, for reading */
#define RSH_LOCK_WRITE   3 /* ... for writing; in the mutex profile: either */
#define RSH_LOCK_COND    4
#define RSH_LOCK_SEM     5
#define RSH_LOCK_BARRIER 6
#define RSH_LOCK_JOIN    7

/**
 * struct rsh_lockprof_options - how much to sample
 *
 * @block_rate:     nanoseconds: waits of that length and longer are all counted, shorter ones with a
 *                  chance of their length by this, and then as if they were so long in all; 1: all
 *                  waits; 0: no block profile
 * @mutex_fraction: one of so many unlocks that somebody has waited for is counted, as so many;
 *                  1: all; 0: no mutex profile
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_lockprof_options {
	uint64_t block_rate;
	uint64_t mutex_fraction;
};

/* What is sampled if nothing else is said. */
#define RSH_LOCKPROF_BLOCK_RATE     100000
#define RSH_LOCKPROF_MUTEX_FRACTION 10

/**
 * rsh_lockprof_start - begin the profiles, or sample at other rates from now on
 *
 * What has been counted stays: it was scaled when it was counted, so other rates do not change it.
 *
 * @options: or NULL for RSH_LOCKPROF_BLOCK_RATE and RSH_LOCKPROF_MUTEX_FRACTION
 *
 * Return: 0; ENOMEM; ENOSYS (no call of this program's comes to the library). Nothing changes on
 *	failure.
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child goes on, with nothing counted. Blocks: the first call, for two milliseconds in
 *	which it compares clocks.
 * Loss: none.
 * Detectors: *@options is read, in rsh_lockprof_start called from the caller. No happens-before
 *	edge.
 */
RSH_API int rsh_lockprof_start(const struct rsh_lockprof_options *options);

/**
 * rsh_lockprof_stop - count nothing any more
 *
 * The profiles stay. Who is waiting at the moment is not counted.
 *
 * Return: 0; ESRCH (no profile runs).
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: in the child likewise.                 Blocks: for other threads in these functions.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_lockprof_stop(void);

/**
 * struct rsh_lock_record - one stack of a profile
 *
 * The difference of two readings is what was in between: neither value ever becomes smaller.
 *
 * @count: how often somebody has waited there (block), or has let others wait (mutex)
 * @delay: nanoseconds, in all
 * @kind:  RSH_LOCK_*
 * @n:     pcs of the stack; 0: stacks that there was no room for
 * @pcs:   return addresses, leaf first, the rest is zeros; the first one is in the function that has
 *         called pthread_mutex_lock or the like, which is the detector's where we stand behind it
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_lock_record {
	uint64_t count;
	uint64_t delay;
	uint32_t kind;
	uint32_t n;
	uintptr_t pcs[RSH_LOCKPROF_DEPTH];
};

/**
 * rsh_blockprof_read - copy the block profile
 *
 * One record for each different stack, in no order. Count and delay of a record belong together.
 *
 * @dst: room for @n records; those that there are not are left alone
 * @n:   how many; with 0, @dst may be NULL
 * @got: how many there were
 *
 * Return: 0; ERANGE (@n is too small: @dst has not been touched, *@got is what is enough at the
 *	moment, and others may add to it); EINVAL (@got is NULL, or @dst is and @n is not 0).
 * Threads: any; the caller synchronises its memory. Signals: not async-signal-safe.
 * Fork: the child has what it has counted itself.
 * Blocks: at most a second, for a thread that is in the middle of adding to a record and does not
 *	run; then count and delay of that one may not belong together.
 * Loss: none; stacks that there is no room for are added up in one record.
 * Detectors: *@got, and all of the records that there are, are written, in rsh_blockprof_read
 *	called from the caller. No happens-before edge.
 */
RSH_API int rsh_blockprof_read(struct rsh_lock_record *dst, size_t n, size_t *got);

/**
 * rsh_mutexprof_read - copy the mutex profile
 *
 * As rsh_blockprof_read().
 *
 * @dst: likewise
 * @n:   likewise
 * @got: likewise
 *
 * Return: as rsh_blockprof_read().
 * Threads: any; the caller synchronises its memory. Signals: not async-signal-safe.
 * Fork: the child has what it has counted itself.
 * Blocks: at most a second, for a thread that is in the middle of adding to a record and does not
 *	run; then count and delay of that one may not belong together.
 * Loss: as rsh_blockprof_read(); and waits that nobody could be charged with: see struct
 *	rsh_lockprof_stats.
 * Detectors: as rsh_blockprof_read(), in rsh_mutexprof_read.
 */
RSH_API int rsh_mutexprof_read(struct rsh_lock_record *dst, size_t n, size_t *got);

/**
 * rsh_lockprof_write - write both profiles, running or stopped
 *
 * Writes profile.proto in gzip, with four values: waits and waited (nanoseconds) are the block
 * profile's, contentions and delay (nanoseconds) the mutex profile's. Each stack has the label "lock":
 * mutex, read, write, cond, sem, barrier or join. Stacks that there was no room for are one of a
 * pseudo-function.
 *
 * @w: receives the bytes; no lock is held meanwhile
 *
 * Return: 0; RSH_ENOWRITER; ESRCH (nothing was profiled); ENOMEM; or what the writer returned if that
 *	is not 0.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child has what it has counted itself. Blocks: for the writer.
 * Loss: none.
 * Detectors: @w is read, in rsh_lockprof_write called from the caller. No happens-before edge.
 */
RSH_API int rsh_lockprof_write(const struct rsh_writer *w);

/**
 * rsh_lockprof_write_file - write both profiles to a file
 *
 * @path: of the file, complete once it has its name, in place of one that was there
 *
 * Return: as rsh_lockprof_write(); EINVAL (@path is NULL); ENAMETOOLONG; or what keeps the file from
 *	being written: ENOENT, EACCES, ENOSPC and so on. After an error nothing of it remains.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child has what it has counted itself. Blocks: for the file.
 * Loss: none.
 * Detectors: @path is read, in rsh_lockprof_write_file called from the caller. No happens-before
 *	edge: the file is written past libc.
 */
RSH_API int rsh_lockprof_write_file(const char *path);

/**
 * struct rsh_lockprof_stats - what became of the waits
 *
 * @waits:     that have ended while there was a block profile
 * @sampled:   of these, counted under their stack
 * @unlocks:   that somebody was waiting for
 * @charged:   of these, counted under their stack
 * @unlisted:  waits for a mutex or a reader-writer lock that no unlock is charged with, because too
 *             many threads waited at the same time
 * @overflow:  of those sampled and charged, stacks that there was no room for
 * @block_rate: as it is now; 0: no block profile runs
 * @mutex_fraction: likewise
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_lockprof_stats {
	uint64_t waits;
	uint64_t sampled;
	uint64_t unlocks;
	uint64_t charged;
	uint64_t unlisted;
	uint64_t overflow;
	uint64_t block_rate;
	uint64_t mutex_fraction;
};

/**
 * rsh_lockprof_stats - fill in a struct rsh_lockprof_stats
 *
 * @stats: is written unless an error is returned
 *
 * Return: 0; EINVAL (@stats is NULL); ESRCH (nothing was profiled).
 * Threads: any; the caller synchronises @stats. Signals: not async-signal-safe.
 * Fork: the child has what it has counted itself. Blocks: no.
 * Loss: none.
 * Detectors: *@stats is written, in rsh_lockprof_stats called from the caller. No happens-before
 *	edge.
 */
RSH_API int rsh_lockprof_stats(struct rsh_lockprof_stats *stats);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_LOCKPROF_H */
