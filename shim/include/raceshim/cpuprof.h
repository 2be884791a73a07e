/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_CPUPROF_H
#define RACESHIM_CPUPROF_H

/*
 * A CPU profile of the running program, all its threads, that is right under ThreadSanitizer too.
 *
 * Samples are taken in a handler of SIGPROF, whose signals each thread gets from a clock of its own.
 * Threads need not do anything: those that there are when the profile starts are found, those that
 * are made later by pthread_create() are sampled from their first instruction, and those made past
 * it within a tenth of a second. A thread of the library's, which no detector sees and which is not
 * sampled itself, carries the samples away; so a process that has to have one thread only (for
 * unshare(2), for example) does not get what it wants while it is profiled.
 *
 * Which calls may overlap, that is, run in two threads at the same time: all of them, also with
 * threads that begin and end, with dlopen, dlclose, fork and signals; but for calls that share a
 * writer (<raceshim/writer.h>) or a buffer.
 *
 * With RACESHIM_CPUPROFILE=PATH[:HZ[:CLOCK]] in the environment, which is read once, before main,
 * a program that has this library in it, by linking or by LD_PRELOAD, profiles itself:
 *
 * - The profile (profile.proto, in gzip) is written to PATH when the process ends by return from
 *   main, exit or quick_exit. A file of that name is complete. HZ is 100 if it is not given; CLOCK is
 *   perf, timer or wall, as RSH_CPUPROF_* below.
 * - In PATH, %p is the process id, and every process writes its own. Without %p the process that
 *   has read the variable first writes PATH, also if it has become another program by exec, and each
 *   other one that inherits the variable, by fork or exec, writes PATH.<process id>.
 * - What is wrong with the variable, or keeps the file from being written, is told in one line on
 *   stderr. The exit status is what it would have been.
 * - Nothing is written after a signal that kills, _exit, or a call of exec.
 *
 * SIGPROF is the library's from start to stop. A handler that the program has installed before is
 * back after the stop; where there was none, SIGPROF is ignored from then on, so that one that is
 * late kills nobody. If the program installs a handler during the profile, it has taken SIGPROF
 * away: that is found out within a tenth of a second, the clocks are stopped, and it is told by
 * rsh_cpuprof_stats(), in the profile, and with the environment variable on stderr. Threads that
 * block SIGPROF are not sampled; the same three tell how many. A program that sets SIGPROF to its
 * default while it is profiled dies of the next one, and so does one that blocks SIGPROF, takes a
 * signal of the perf clock meanwhile, and becomes by exec another program that unblocks it.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/raceshim.h>
#include <raceshim/writer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the ticks come from. */
#define RSH_CPUPROF_AUTO  0 /* perf, or where that is not allowed, timer */
#define RSH_CPUPROF_PERF  1 /* perf_event_open: time outside the kernel, at any rate */
#define RSH_CPUPROF_TIMER 2 /* timer_create: time of the thread, no faster than the kernel's tick */
#define RSH_CPUPROF_WALL  3 /* time that passes, waiting too; interrupts what threads wait in */

#define RSH_CPUPROF_HZ_MAX 5000
#define RSH_CPUPROF_DEPTH  128 /* pcs of a stack at most */

/* Why samples are lost; in a struct rsh_cpuprof_record, and as an index into `lost` of the stats. */
#define RSH_CPUPROF_LOST_OVERFLOW 0 /* the thread's ring was full */
#define RSH_CPUPROF_LOST_EXTRA    1 /* it had no ring, and the buffer for such threads was full */
#define RSH_CPUPROF_LOST_BUSY     2 /* ... and somebody else was at that buffer */
#define RSH_CPUPROF_LOST_WINDOW   3 /* the thread was about to end */
#define RSH_CPUPROF_LOST_UNWIND   4 /* its stack could not be walked at all */
#define RSH_CPUPROF_LOST_CLASSES  5

/**
 * struct rsh_cpuprof_options - what to profile; all zero is the default
 *
 * @hz:    ticks per second of each thread, 1 to RSH_CPUPROF_HZ_MAX; 0: 100
 * @clock: RSH_CPUPROF_*
 * @raw:   not 0: samples are not added up but wait for rsh_cpuprof_read()
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_cpuprof_options {
	uint32_t hz;
	uint32_t clock;
	uint32_t raw;
};

/**
 * rsh_cpuprof_start - begin a profile of the process
 *
 * What was profiled before is forgotten. Where RSH_CPUPROF_AUTO has to be content with timers that
 * are slower than asked, it is; the profile and the stats say so.
 *
 * @options: or NULL for the default
 *
 * Return: 0; EINVAL (no such rate or clock); EBUSY (a profile runs); RSH_ECPUPROFRATE (the clock
 *	asked for cannot be so fast here); ENOMEM; EAGAIN (no thread); what perf_event_open or
 *	timer_create says of the clock asked for. Nothing changes on failure.
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child starts stopped.              Blocks: for other threads in these functions.
 * Loss: none.
 * Detectors: *@options is read, in rsh_cpuprof_start called from the caller. The handler is
 *	installed past the detector, which would defer it and drop most signals. No happens-before
 *	edge.
 */
RSH_API int rsh_cpuprof_start(const struct rsh_cpuprof_options *options);

/**
 * rsh_cpuprof_stop - end the profile
 *
 * No sample is taken any more when this returns, and all that were are delivered or counted as lost,
 * or, if the profile is raw, wait to be read.
 * The profile stays until the next start.
 *
 * Return: 0; ESRCH (no profile runs).
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child has nothing to stop.         Blocks: until handlers have returned and samples
 *	are added up.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_cpuprof_stop(void);

/**
 * rsh_cpuprof_write - write the profile, running or stopped
 *
 * Writes profile.proto in gzip: what was sampled since the start, by stack, thread and labels, with
 * the losses as stacks of one pseudo-function each.
 *
 * @w: receives the bytes; no lock is held meanwhile
 *
 * Return: 0; RSH_ENOWRITER; ESRCH (nothing was profiled, or it is raw); ENOMEM; or what the writer
 *	returned if that is not 0.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child has no profile.              Blocks: for other threads in these functions, and
 *	the writer.
 * Loss: none.
 * Detectors: @w is read, in rsh_cpuprof_write called from the caller. No happens-before edge.
 */
RSH_API int rsh_cpuprof_write(const struct rsh_writer *w);

/**
 * rsh_cpuprof_write_file - write the profile to a file
 *
 * @path: of the file, complete once it has its name, in place of one that was there
 *
 * Return: as rsh_cpuprof_write(); EINVAL (@path is NULL); ENAMETOOLONG; or what keeps the file
 *	from being written: ENOENT, EACCES, ENOSPC and so on. After an error nothing of it remains.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child has no profile.              Blocks: as rsh_cpuprof_write(), and for the file.
 * Loss: none.
 * Detectors: @path is read, in rsh_cpuprof_write_file called from the caller. No happens-before
 *	edge: the file is written past libc.
 */
RSH_API int rsh_cpuprof_write_file(const char *path);

/**
 * struct rsh_cpuprof_record - one sample, or how many were lost
 *
 * @time:     nanoseconds since 1970; 0 if it is not known
 * @ticks:    ticks of the clock that the sample stands for; of a loss, samples that were lost
 * @labels:   of the thread: key and value in turn, each with its NUL, valid for ever; or NULL
 * @n_labels: how many
 * @lost:     -1: a sample; otherwise RSH_CPUPROF_LOST_*
 * @tid:      thread id; of a loss 0
 * @n:        pcs of the stack; of a loss 0
 * @pcs:      where the thread was interrupted, then return addresses, leaf first; then zeros
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_cpuprof_record {
	uint64_t time;
	uint64_t ticks;
	const char *labels;
	uint32_t n_labels;
	int32_t lost;
	int32_t tid;
	uint32_t n;
	uintptr_t pcs[RSH_CPUPROF_DEPTH];
};

/**
 * rsh_cpuprof_read - take samples of a raw profile
 *
 * Samples of one thread come in their order, with the losses where they happened. What is not read
 * soon enough is lost: a ring holds a quarter of a second at least. After the stop the rest is there
 * to be read.
 *
 * @records: room for @n records; those that there are not are left alone
 * @n:       how many
 * @got:     how many there were
 *
 * Return: 0, also if there is nothing at the moment; EINVAL (@records or @got is NULL); ESRCH (no raw
 *	profile); EBUSY (another thread is reading); ENOMEM.
 * Threads: any, one at a time; the caller synchronises its memory. Signals: not async-signal-safe.
 * Fork: the child has no profile.              Blocks: for other threads in these functions.
 * Loss: none.
 * Detectors: all of the records that there are, and *@got, are written, in rsh_cpuprof_read called
 *	from the caller. No happens-before edge.
 */
RSH_API int rsh_cpuprof_read(struct rsh_cpuprof_record *records, size_t n, size_t *got);

/**
 * struct rsh_cpuprof_stats - what became of the samples
 *
 * When the profile is stopped, accepted is delivered plus all of lost; while it runs, the rest is
 * on its way. What a raw profile has not been asked for yet is not delivered.
 *
 * @accepted:   signals that the handler has made a sample of, or tried to
 * @delivered:  samples that came through
 * @lost:       those that did not, by RSH_CPUPROF_LOST_*
 * @truncated:  of those delivered, stacks that do not reach the thread's first function
 * @ticks:      ticks of the clocks that samples delivered and lost stand for: a signal that comes
 *              late stands for several
 * @hz:         ticks per second, as it became
 * @clock:      RSH_CPUPROF_*, as it became
 * @threads:    sampled at the moment
 * @fell_back:  threads that had to be given a timer in place of perf_event
 * @unsampled:  threads that no clock could be had for, at the last look
 * @blocked:    threads that block SIGPROF, at the last look
 * @taken:      not 0: the program has installed a handler of SIGPROF of its own
 * @running:    not 0: between start and stop
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_cpuprof_stats {
	uint64_t accepted;
	uint64_t delivered;
	uint64_t lost[RSH_CPUPROF_LOST_CLASSES];
	uint64_t truncated;
	uint64_t ticks;
	uint32_t hz;
	uint32_t clock;
	uint32_t threads;
	uint32_t fell_back;
	uint32_t unsampled;
	uint32_t blocked;
	uint32_t taken;
	uint32_t running;
};

/**
 * rsh_cpuprof_stats - fill in a struct rsh_cpuprof_stats
 *
 * @stats: is written unless an error is returned
 *
 * Return: 0; EINVAL (@stats is NULL); ESRCH (nothing was profiled).
 * Threads: any; the caller synchronises @stats. Signals: not async-signal-safe.
 * Fork: the child has no profile.              Blocks: for other threads in these functions.
 * Loss: none.
 * Detectors: *@stats is written, in rsh_cpuprof_stats called from the caller. No happens-before
 *	edge.
 */
RSH_API int rsh_cpuprof_stats(struct rsh_cpuprof_stats *stats);

/**
 * rsh_cpuprof_traceback - type of a function that knows the program's stacks better
 *
 * For threads whose stack in memory is not what they are doing: interpreters, code made at run time
 * without unwind tables, stacks that were switched by hand. What it finds is the whole stack of the
 * sample. It runs in the handler of SIGPROF, on the thread that is sampled, at any instruction of
 * it, of libc and the detector too, with all signals blocked:
 *
 * - It may read *@arg, @ucontext, memory that is always there, and thread-local variables of the
 *   program itself (-ftls-model=initial-exec in a library). What the thread writes meanwhile it finds
 *   at any stage: relaxed atomics, or volatile, and a sentinel stored first.
 * - It calls nothing but functions that are made for this (<raceshim/sigsafe.h>): no libc, no lock, no
 *   allocation, no function of this header. What a compiler makes of it counts too: a copied struct
 *   may be a call of memcpy.
 * - It is compiled without a sanitizer, in a file of its own (-fno-sanitize=all): code of the
 *   detector's in there enters the detector from inside the detector, which hangs.
 * - It leaves errno alone, needs a kilobyte of stack at most, and takes microseconds: the thread waits.
 *
 * @arg:      as it was set
 * @ucontext: the third argument of the handler: a ucontext_t * with the registers of the thread
 * @pcs:      where to put them, as in struct rsh_cpuprof_record: leaf first, then return addresses.
 *            What lies in no mapping of the process has no name in the profile, but its address
 * @max:      how many at most: RSH_CPUPROF_DEPTH, less on threads that are new to the profile
 *
 * Return: how many it has put there; 0: none, the stack is to be walked as without it.
 * Threads: all of those that are sampled, at the same time. Signals: it runs in one.
 * Fork: the child keeps it.                    Blocks: must not.
 * Loss: none; such stacks are not counted as truncated.
 * Detectors: must not be instrumented.
 */
typedef size_t rsh_cpuprof_traceback(void *arg, const void *ucontext, uintptr_t *pcs, size_t max);

/**
 * rsh_cpuprof_set_traceback - let a function of the program's find the stacks
 *
 * Before, while or after a profile runs. When this returns, no thread is in the function that was set
 * before, nor will be: what it needs may be freed, and the library that it is in closed.
 *
 * @traceback: takes the place of the one before; NULL: stacks are walked, as at the beginning
 * @arg:       is handed to it
 *
 * Return: 0.
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child keeps it.                    Blocks: until handlers have returned, and for other
 *	threads in these functions.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge: what the function reads the detector does
 *	not see.
 */
RSH_API int rsh_cpuprof_set_traceback(rsh_cpuprof_traceback *traceback, void *arg);

/**
 * rsh_label_set - label what the calling thread does from now on
 *
 * Samples carry the labels that their thread has when they are taken. A thread that is made while a
 * profile runs begins with the labels of its maker, any other one with none.
 *
 * @key:   not empty
 * @value: or NULL: no such label any more
 *
 * Return: 0; EINVAL (@key is NULL or empty); E2BIG (more labels than 16, or longer than 1000 bytes
 *	together); ENOMEM (every different set of labels is kept, up to a million bytes of them).
 *	Nothing changes on failure.
 * Threads: any, for itself.                    Signals: not async-signal-safe.
 * Fork: the child's thread keeps its labels.   Blocks: for other threads that set labels.
 * Loss: none.
 * Detectors: @key and @value are read, in rsh_label_set called from the caller. No happens-before
 *	edge.
 */
RSH_API int rsh_label_set(const char *key, const char *value);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_CPUPROF_H */
