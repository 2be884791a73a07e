/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_UNWIND_TRAIL_H
#define RSH_CORE_UNWIND_TRAIL_H

/*
 * What a walk has read, and the walks that need not be made again.
 *
 * A walk by unwind tables depends on nothing but the pc, stack pointer and frame pointer that it
 * starts with, the words of the stack that it reads, in their order, and the tables of the objects
 * that it passes. So where the same three come again, and the same words are found at the same
 * places, and the objects are the same, the walk would find the same stack, and whatever was made of
 * it can be had without the walk. This is no guess: a word that differs ends it.
 *
 * One is kept under a hash of where it starts. Where another one is found there that begins alike, the
 * first word that differs says where to look next, so that functions which call an allocator for
 * everybody have a place for each of their callers. One that others have passed by for long gives up
 * its place.
 *
 * All threads share the places, and each thread finds its own walks there, since it has its own stack.
 * Every place is a sequence lock; whoever finds it taken, in a handler that has interrupted its owner
 * or in a child that the owner is not in, does without.
 */

#include "unwind.h"
#include "unwind_read.h"

#define RSHI_TRAIL_MAX     120
#define RSHI_TRAIL_NONE    (RSHI_TRAIL_MAX + 1) /* in place of a number: the walk cannot be repeated */
#define RSHI_TRAIL_OBJECTS 3

/* Objects that may be unloaded: what the tables of which are is to be asked again. */
struct rshi_trail_object {
	uintptr_t pc;
	uint64_t tag;
};

struct rshi_trail {
	uintptr_t sp; /* where it starts */
	uint32_t n;   /* words read, or RSHI_TRAIL_NONE */
	uint32_t uses_fp;
	uint32_t n_objects;
	struct rshi_trail_object objects[RSHI_TRAIL_OBJECTS];
	uint16_t at[RSHI_TRAIL_MAX]; /* words above the start */
	uintptr_t value[RSHI_TRAIL_MAX];
};

/* As rshi_unwind_here_sig(), and tell in @trail, if it is not NULL, what the walk has read. */
void rshi_unwind_trail_sig(const struct rshi_here *here, uintptr_t *pcs, size_t max,
                           struct rshi_stack *stack, struct rshi_trail *trail);

static inline void rshi_trail_start_sig(struct rshi_trail *trail, uintptr_t sp)
{
	trail->sp = sp;
	trail->n = 0;
	trail->uses_fp = 0;
	trail->n_objects = 0;
}

/* The walk has found @value at @address. */
static inline void rshi_trail_read_sig(struct rshi_trail *trail, uintptr_t address, uintptr_t value)
{
	uintptr_t at = (address - trail->sp) / sizeof(uintptr_t);

	if (trail->n >= RSHI_TRAIL_MAX || at > UINT16_MAX) {
		trail->n = RSHI_TRAIL_NONE;
		return;
	}
	trail->at[trail->n] = (uint16_t)at;
	trail->value[trail->n++] = value;
}

/* It has used a row of the tables for @pc, of the object with this tag. */
static inline void rshi_trail_object_sig(struct rshi_trail *trail, uintptr_t pc, uint32_t tag)
{
	for (uint32_t i = 0; i < trail->n_objects; i++) {
		if (trail->objects[i].tag == tag)
			return;
	}
	if (trail->n_objects == RSHI_TRAIL_OBJECTS) {
		trail->n = RSHI_TRAIL_NONE;
		return;
	}
	trail->objects[trail->n_objects].pc = pc;
	trail->objects[trail->n_objects++].tag = tag;
}

#define RSHI_KEPT_WALK_BITS 12
#define RSHI_KEPT_BATCH     4
#define RSHI_KEPT_BATCHES   24

/* Two words that are next to each other, compared as one where the machine can. */
typedef uintptr_t rshi_two_words __attribute__((vector_size(2 * sizeof(uintptr_t))));

/*
 * Words that are compared at once, in the order of the walk: all in the page of the first one, or next
 * below one that is there.
 */
struct rshi_kept_batch {
	uint64_t at; /* words above the start, 16 bits each, ascending */
	uint64_t in_pairs;
	union {
		uintptr_t word[RSHI_KEPT_BATCH];
		/* each with the one below it, as a return address is with the saved frame pointer */
		rshi_two_words pair[RSHI_KEPT_BATCH];
	} was;
};

/* What is torn the version tells of; the first line is what each look needs. */
struct rshi_kept_walk {
	_Alignas(64) uint64_t version; /* odd while being written */
	uintptr_t pc, sp, fp;
	void *result;
	uint32_t n; /* batches */
	uint32_t uses_fp;
	uint32_t n_objects;
	uint32_t passed; /* how often it was not the right one since it was the last time */
	struct rshi_kept_batch batch[RSHI_KEPT_BATCHES];
	struct rshi_trail_object objects[RSHI_TRAIL_OBJECTS];
};

/* Of one feature, which makes the same of all; zeros: none are kept. */
struct rshi_kept_walks {
	struct rshi_kept_walk *places; /* atomic; immutable but for NULL */
};

/* Have memory for some; where there is none, all walks are made. One thread at a time. */
void rshi_kept_walks_open_sig(struct rshi_kept_walks *walks);

/*
 * What was made of the stack that a walk from @here would find; NULL if that is not known. Then @place
 * is where to keep it.
 */
void *rshi_walk_recall_sig(struct rshi_kept_walks *walks, const struct rshi_here *here,
                           uint64_t *place);

/* Keep what was made of the walk with this trail, if it can be repeated. @result is not NULL. */
void rshi_walk_keep_sig(const struct rshi_kept_walks *walks, const struct rshi_here *here,
                        uint64_t place, const struct rshi_trail *trail, void *result);

#endif /* RSH_CORE_UNWIND_TRAIL_H */
