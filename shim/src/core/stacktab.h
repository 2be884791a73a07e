/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_STACKTAB_H
#define RSH_CORE_STACKTAB_H

/*
 * Stacks, each kept once, with room for what a feature counts under it.
 *
 * For hooks in the middle of other people's functions: allocators, locks, and whatever those run in,
 * between the handlers of a fork too. So nothing here waits: a stack is found without a lock, and a
 * new one is put in by one compare-and-swap, after a look at what others have put in meanwhile. Its
 * record never moves, never goes away, and but for the values never changes. Memory comes from the
 * kernel, up to a limit; what is counted of stacks that there is no room for is counted under one
 * record, the overflow.
 *
 * The values are the feature's: who adds to them, and who reads them, synchronise as they like. They
 * are zeros when the record appears.
 *
 * All functions may be called in any thread at the same time, also in signal handlers, but for
 * rshi_stacktab_open_sig(). A forked child has a copy, and goes on with it.
 */

#include <stddef.h>
#include <stdint.h>

#include "unwind.h"

#define RSHI_STACK_KINDS 4 /* a feature may keep several tables in one; 0 to 3 */

#define RSHI_STACK_CUT      1 /* the frames are not all that there were */
#define RSHI_STACK_OVERFLOW 2 /* no stack, but those that there was no room for */

struct rshi_stack_record {
	/* immutable */
	struct rshi_stack_record *next; /* in its row of the table */
	const uintptr_t *pcs;           /* return addresses, leaf first */
	uint32_t hash;
	uint32_t number; /* of its kind: 0, 1, 2, ...; some may be missing */
	uint16_t n;      /* pcs */
	uint8_t kind;
	uint8_t flags; /* RSHI_STACK_* */

	uint64_t values[]; /* the feature's, as many as the table says */
};

#define RSHI_STACK_ROWS   (1u << 14)
#define RSHI_STACK_CHUNK  ((size_t)1 << 18)
#define RSHI_STACK_CHUNKS 1024 /* so the limit is 256 MiB at most */

/* Zeros, and then opened. */
struct rshi_stacktab {
	/* immutable when open */
	size_t words; /* values of a record */
	uint64_t limit;
	struct rshi_stack_record *overflow[RSHI_STACK_KINDS];

	/* atomic */
	struct rshi_stack_record **rows; /* not NULL: the table is open */
	uint64_t used;                   /* bytes of the chunks, one after the other */
	unsigned char *chunks[RSHI_STACK_CHUNKS];
	uint32_t n[RSHI_STACK_KINDS];
};

/*
 * Make a table whose records have @words values each, and whose records together take at most
 * @limit bytes. Returns 0, also if it is open already, or ENOMEM. One thread at a time, and others
 * use the table only when they have learnt that this is done.
 */
int rshi_stacktab_open_sig(struct rshi_stacktab *table, size_t words, size_t limit);

/*
 * The record of the @n pcs at @pcs (at most RSHI_UNWIND_MAX), of @kind, which is made if need be;
 * @flags is 0 or RSHI_STACK_CUT, and part of what makes stacks different. The overflow of the kind if
 * there is no room. Never NULL. Blocks: no; for a new stack now and then one mmap.
 */
struct rshi_stack_record *rshi_stacktab_find_sig(struct rshi_stacktab *table, unsigned int kind,
                                                 unsigned int flags, const uintptr_t *pcs,
                                                 size_t n);

/*
 * How many records of @kind there are, without the overflow; a table that is not open has none. All
 * records with smaller numbers are there, or are just being put in, or never will be.
 */
uint32_t rshi_stacktab_count_sig(const struct rshi_stacktab *table, unsigned int kind);

/* Where a reader is in a table; zeros to begin with. */
struct rshi_stack_cursor {
	uint32_t row;
	struct rshi_stack_record *record;
};

/*
 * The next record of @kind, in no order, or NULL. All records that were there before the first call
 * come, each once, and some of those that are put in meanwhile. The overflow does not come:
 * table->overflow[kind] is to be asked for separately.
 */
struct rshi_stack_record *rshi_stacktab_next_sig(const struct rshi_stacktab *table,
                                                 unsigned int kind,
                                                 struct rshi_stack_cursor *cursor);

#endif /* RSH_CORE_STACKTAB_H */
