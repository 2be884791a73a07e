/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_HEAPPROF_H
#define RACESHIM_HEAPPROF_H

/*
 * A profile of the heap: what was allocated, and what of it is still in use, by stack.
 *
 * One in so many bytes is sampled, at random, whichever thread allocates it, and the object that it
 * is in is followed until it is freed. What is counted are estimates of the truth, free of bias: a
 * sampled object stands for as many as its size and the rate make likely, from the moment on when it
 * is sampled. So numbers that were counted at one rate stay as they are when the rate changes. At
 * rate 1 every object is sampled, and the numbers are exact.
 *
 * Who tells of allocations:
 *
 * - in a program under ThreadSanitizer, AddressSanitizer or MemorySanitizer, the detector, whose
 *   allocator it is: nothing but this library is needed;
 * - in other programs a second library that stands before the program's allocator, libc's, jemalloc,
 *   tcmalloc, mimalloc or another: libraceshim-heap.so, linked or by LD_PRELOAD, or
 *   libraceshim-heap.a, which `raceshim cc --heap=yes` links; in a program that is linked
 *   statically libraceshim-heap-wrapped.a, to which the linker leads the program's calls. Without
 *   it there is nothing to profile, and nothing to pay.
 *
 * Seen are malloc, calloc, realloc, reallocarray, aligned_alloc, posix_memalign, memalign, valloc,
 * pvalloc, C++'s operators new and delete, and what libraries allocate by these, such as strdup; not
 * an allocator's functions of other names, and not mmap. An object that was there before the profile,
 * or that nobody has told of, is none of it when it is freed. ThreadSanitizer tells nothing of aligned
 * memory, and in the child of a process with threads nothing at all.
 *
 * The profile is one from its start to the process's end, and only grows: what happened between two
 * moments is the difference of two readings.
 *
 * With RACESHIM_HEAPPROFILE=PATH[:BYTES] in the environment, which is read once, before main, a program
 * that has this library in it, by linking or by LD_PRELOAD, profiles itself at that rate, 524288 if
 * none is given, and writes PATH when it ends, as <raceshim/cpuprof.h> says of RACESHIM_CPUPROFILE.
 *
 * Which calls may overlap, that is, run in two threads at the same time: all of them, also with
 * allocations, threads that begin and end, dlopen, dlclose and fork; but for calls that share a
 * writer (<raceshim/writer.h>) or a buffer.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/raceshim.h>
#include <raceshim/writer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RSH_HEAPPROF_RATE     524288              /* the usual one, in bytes */
#define RSH_HEAPPROF_RATE_MAX (UINT64_C(1) << 40) /* the largest one */
#define RSH_HEAPPROF_DEPTH    128                 /* pcs of a stack at most */

/* Of a record. */
#define RSH_HEAPPROF_CUT      1u /* callers are missing at the end of the stack */
#define RSH_HEAPPROF_OVERFLOW 2u /* no stack: all those that there was no memory for */

/**
 * rsh_heapprof_rate - set how much is sampled
 *
 * The first rate that is not 0 begins the profile. With 0 nothing is sampled any more; what was
 * sampled is still followed, and the numbers stay.
 *
 * @bytes: one sample in so many bytes on average, at most RSH_HEAPPROF_RATE_MAX; 1: every object;
 *         0: none
 *
 * Return: 0; EINVAL (no such rate); RSH_EHEAPSOURCE (nobody tells of allocations); ENOMEM;
 *	ENOSPC (others have taken all of the detector's hooks). Nothing changes on failure.
 * Threads: any; calls are serialised. Another thread's next allocation may still be at the old rate.
 *	Signals: not async-signal-safe.
 * Fork: the child has a copy of the profile, and goes on at the same rate.
 * Blocks: for other threads in this function.
 * Loss: none.
 * Detectors: the first call installs hooks of the detector's, which stay. No happens-before edge.
 */
RSH_API int rsh_heapprof_rate(uint64_t bytes);

/**
 * struct rsh_heap_record - what was allocated, and freed again, of one stack
 *
 * What is in use is the difference. At every reading no more was freed than allocated, of the objects
 * as of the bytes, and the four numbers belong together.
 *
 * @alloc_objects: objects that were allocated
 * @alloc_bytes:   their bytes, as asked for
 * @free_objects:  of these, objects that were freed
 * @free_bytes:    and their bytes
 * @n:             pcs of the stack
 * @flags:         RSH_HEAPPROF_*
 * @pcs:           return addresses, leaf first: the call of the allocator in the program; then zeros
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_heap_record {
	uint64_t alloc_objects;
	uint64_t alloc_bytes;
	uint64_t free_objects;
	uint64_t free_bytes;
	uint32_t n;
	uint32_t flags;
	uintptr_t pcs[RSH_HEAPPROF_DEPTH];
};

/**
 * rsh_heapprof_read - read the profile
 *
 * One record for each stack, in no order, and one for the overflow if there is something in it.
 *
 * @records: room for @n records, or NULL if @n is 0; those that there are not are left alone
 * @n:       how many
 * @got:     how many there were; or if there is no room for all, for how many there has to be, more
 *           if others allocate meanwhile
 *
 * Return: 0; ERANGE (no room for all: nothing is written but *@got); EINVAL (@got is NULL, or
 *	@records and not @n).
 * Threads: any; the caller synchronises its memory. Signals: not async-signal-safe.
 * Fork: the child reads its copy.              Blocks: no; it allocates nothing and calls nobody back
 *	while others wait for it.
 * Loss: none.
 * Detectors: all of the records that there are, and *@got, are written, in rsh_heapprof_read called
 *	from the caller. No happens-before edge.
 */
RSH_API int rsh_heapprof_read(struct rsh_heap_record *records, size_t n, size_t *got);

/**
 * rsh_heapprof_write - write the profile
 *
 * Writes profile.proto in gzip, with the values of Go's heap profiles: alloc_objects, alloc_space,
 * inuse_objects and inuse_space; what is in use is what was not freed when its stack was looked at.
 * The overflow and lost objects are stacks of one pseudo-function each.
 *
 * @w: receives the bytes; no lock is held meanwhile
 *
 * Return: 0; RSH_ENOWRITER; ESRCH (nothing was profiled); ENOMEM; or what the writer returned if that
 *	is not 0.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child writes its copy.             Blocks: for the writer.
 * Loss: none.
 * Detectors: @w is read, in rsh_heapprof_write called from the caller. No happens-before edge.
 */
RSH_API int rsh_heapprof_write(const struct rsh_writer *w);

/**
 * rsh_heapprof_write_file - write the profile to a file
 *
 * @path: of the file, complete once it has its name, in place of one that was there
 *
 * Return: as rsh_heapprof_write(); EINVAL (@path is NULL); ENAMETOOLONG; or what keeps the file from
 *	being written: ENOENT, EACCES, ENOSPC and so on. After an error nothing of it remains.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child writes its copy.             Blocks: for the file.
 * Loss: none.
 * Detectors: @path is read, in rsh_heapprof_write_file called from the caller. No happens-before
 *	edge: the file is written past libc.
 */
RSH_API int rsh_heapprof_write_file(const char *path);

/**
 * struct rsh_heapprof_stats - how the profile is doing
 *
 * @rate:    in bytes, as it is now
 * @sampled: objects that were sampled
 * @live:    of these, objects that were not freed yet
 * @lost:    objects that were sampled and could not be followed, for lack of memory; they count
 *           nowhere
 * @stacks:  different ones, each a record
 * @hooks:   not 0: the detector tells of allocations
 * @layer:   not 0: libraceshim-heap does
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_heapprof_stats {
	uint64_t rate;
	uint64_t sampled;
	uint64_t live;
	uint64_t lost;
	uint32_t stacks;
	uint32_t hooks;
	uint32_t layer;
	uint32_t reserved;
};

/**
 * rsh_heapprof_stats - fill in a struct rsh_heapprof_stats
 *
 * @stats: is written unless an error is returned
 *
 * Return: 0; EINVAL (@stats is NULL).
 * Threads: any; the caller synchronises @stats. Signals: not async-signal-safe.
 * Fork: the child reads its copy.              Blocks: no.
 * Loss: none.
 * Detectors: *@stats is written, in rsh_heapprof_stats called from the caller. No happens-before
 *	edge.
 */
RSH_API int rsh_heapprof_stats(struct rsh_heapprof_stats *stats);

struct rsh_heapprof_layer;

/**
 * rsh_heapprof_layer - what libraceshim-heap works with; not for programs
 *
 * @version: of the caller, which has to be this library's
 *
 * Return: it; NULL (another version).
 * Threads: any.                                Signals: async-signal-safe.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated.
 */
RSH_API const struct rsh_heapprof_layer *rsh_heapprof_layer(uint32_t version);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_HEAPPROF_H */
