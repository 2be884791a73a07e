/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_PPROF_H
#define RSH_ENCODE_PPROF_H

/*
 * Profiles of any kind: samples are added up by stack and labels, and written as profile.proto of
 * pprof, in gzip, with the names of functions from the symbol tables of the files that are mapped.
 *
 * A profile is used by one thread at a time, which may be another one each time, and never by a
 * handler. Nothing here calls libc or a detector: memory comes from the kernel, files are read past
 * libc, no lock is taken, not even the loader's. What is in the profile at a fork, both processes
 * have.
 *
 * All functions return 0 or a positive errno constant. After an error the profile is what it was
 * before the call and can be used on.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/writer.h>

#define RSHI_PPROF_VALUES_MAX 8

struct rshi_pprof;

/* What a number counts: "samples" and "count", "cpu" and "nanoseconds". */
struct rshi_pprof_type {
	const char *type;
	const char *unit;
};

/* Texts are copied. */
struct rshi_pprof_options {
	const struct rshi_pprof_type *types; /* of each of a sample's values */
	size_t n_types;                      /* 1 to RSHI_PPROF_VALUES_MAX */
	const char *default_type;            /* the one that tools show; NULL: the last */
	struct rshi_pprof_type period_type;  /* of @period; with a type of NULL there is none */
	int64_t period;
	int called; /* stacks begin with a return address, as a function sees its own callers; if 0
	               with the very instruction that a signal has interrupted */
	size_t limit; /* bytes of memory that the samples may take; 0: any number */
};

/* A text, or with a @value of NULL a number, whose @unit may be NULL. Texts are copied. */
struct rshi_pprof_label {
	const char *key;
	const char *value;
	int64_t number;
	const char *unit;
};

/* EINVAL: no types or too many. ENOMEM. */
int rshi_pprof_create(const struct rshi_pprof_options *options, struct rshi_pprof **profile);

/* Give all memory back; NULL is nothing to give back. */
void rshi_pprof_destroy(struct rshi_pprof *profile);

/*
 * Add one sample: its stack, leaf first, as rshi_unwind_sig() gives it, that is with return
 * addresses as they are; the values, one of each type; the labels, of which order counts. Which
 * frames of the stack signals have interrupted is found out here.
 *
 * ENOMEM: there is no memory, or the limit is reached, for a stack that has not been there before.
 * EINVAL: an empty stack.
 */
int rshi_pprof_add(struct rshi_pprof *profile, const uintptr_t *pcs, size_t n,
                   const int64_t *values, const struct rshi_pprof_label *labels, size_t n_labels);

/*
 * Add to a stack that consists of a name, such as "_LostOverflow". Once a name was added, with
 * values of 0 too, adding to it cannot fail. Stacks whose values are all 0 are not written.
 */
int rshi_pprof_add_pseudo(struct rshi_pprof *profile, const char *function, const int64_t *values);

/* Add a line of text to the profile; take all that were added out again. */
int rshi_pprof_comment(struct rshi_pprof *profile, const char *text);
void rshi_pprof_uncomment(struct rshi_pprof *profile);

/*
 * Look at what is mapped now, so that samples of code that is unloaded later can be told from
 * samples of what comes to its place, and get their names. To be called whenever samples are about
 * to be added; takes at most a hundredth of the time, by doing nothing if the last look was too
 * short ago. The first pc after it that is in no known mapping makes rshi_pprof_add() look anyway.
 */
int rshi_pprof_note_mappings(struct rshi_pprof *profile);

/*
 * Write the profile as it is now; more can be added and it can be written again. @start is in
 * nanoseconds since 1970, @duration in nanoseconds; 0: not known. An error of the writer is
 * returned as it is; RSH_ENOWRITER if there is none. The same samples give the same bytes.
 */
int rshi_pprof_write(struct rshi_pprof *profile, int64_t start, int64_t duration,
                     const struct rsh_writer *writer);

#endif /* RSH_ENCODE_PPROF_H */
