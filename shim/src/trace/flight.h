/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_FLIGHT_H
#define RSH_TRACE_FLIGHT_H

/*
 * The flight recorder: the last generations, whole, in memory of its own. Buffers are copied when
 * they are complete, so it and the reader of a trace do not wait for each other.
 */

#include <stddef.h>
#include <stdint.h>

#include "generations.h"

/* One generation, at the start of a mapping of its own. */
struct rshi_kept {
	struct rshi_kept
	        *next; /* guarded by the trace lock, as is all that is not of a complete one */
	uint64_t number, begin; /* nanoseconds of CLOCK_MONOTONIC */
	size_t mapped, used;    /* bytes, these included */
	uint64_t dropped;       /* events for which there was no room */
	uint32_t pins;          /* who writes it */
	uint32_t is_forgotten;  /* nobody but those who write it knows it */
};

struct rshi_flight {
	/* the control's */
	uint64_t min_age; /* nanoseconds */
	size_t max_bytes;

	/* guarded by the trace lock */
	struct rshi_kept *open[2];      /* by generation: those that are not over */
	struct rshi_kept *ending;       /* that is over, and gets its end */
	size_t ending_used;             /* bytes of it without that */
	struct rshi_kept *first, *last; /* those that are complete */
	size_t bytes;                   /* in these */

	uint32_t writing;       /* atomic: somebody writes */
	uint32_t unmapped;      /* atomic: changes with each that is gone */
	uint32_t is_over, quit; /* atomic: of the thread */
	int tid;                /* of the thread; before is_over */
};

extern struct rshi_flight rshi_flight_sig;

static inline unsigned char *rshi_kept_bytes(struct rshi_kept *k)
{
	return (unsigned char *)(k + 1);
}

static inline size_t rshi_kept_count(const struct rshi_kept *k)
{
	return k->used - sizeof(*k);
}

static inline void rshi_kept_unmap(struct rshi_kept *k)
{
	while (k) {
		struct rshi_kept *next = k->next;
		size_t n = k->mapped;

		/* [TF5] release, pairs with [TF6]: the kernel may give the memory to another one. */
		__atomic_add_fetch(&rshi_flight_sig.unmapped, 1, __ATOMIC_RELEASE);
		rshi_munmap_sig(k, n);
		k = next;
	}
}

/* With the trace lock: @k is known to nobody any more. Returns it if nobody writes it, either. */
static inline struct rshi_kept *rshi_kept_forget(struct rshi_kept *k, struct rshi_kept *gone)
{
	k->is_forgotten = 1;
	if (k->pins)
		return gone;
	k->next = gone;
	return k;
}

/* With the trace lock: all that is complete stays until rshi_kept_unpin(); the first of it. */
static inline struct rshi_kept *rshi_kept_pin(struct rshi_kept **last)
{
	*last = rshi_flight_sig.last;
	for (struct rshi_kept *k = rshi_flight_sig.first; k; k = k->next)
		k->pins++;
	return rshi_flight_sig.first;
}

/* With the trace lock: those from @k to @last. Returns what is to be unmapped, with @gone. */
static inline struct rshi_kept *rshi_kept_unpin(struct rshi_kept *k, const struct rshi_kept *last,
                                                struct rshi_kept *gone)
{
	while (k) {
		struct rshi_kept *next = k == last ? NULL : k->next;

		if (!--k->pins && k->is_forgotten) {
			k->next = gone;
			gone = k;
		}
		k = next;
	}
	return gone;
}

/* Held by who starts or stops it, before the control. */
extern struct rshi_lock rshi_flight_switch;

/* With the control: memory for a generation that is about to begin. */
void rshi_flight_prepare(uint64_t number);

/* With the trace lock: a generation begins; a buffer of it is complete. */
void rshi_flight_begin(const struct rshi_generation *g);
void rshi_flight_add(uint64_t number, const unsigned char *bytes, size_t n, uint64_t events);

/* With the control: a generation is over. What is too old or too much is forgotten. */
void rshi_flight_end(const struct rshi_generation *g);

/*
 * Write a whole trace to @fd: all that is kept, and what has been emitted since, without ending the
 * generation, which threads would have to be waited for; they emit on. Async-signal-safe: for who
 * stands in the middle of anything, with any locks. Returns 0; ESRCH (the recorder does not run);
 * EBUSY or EDEADLK (somebody else has the trace lock for two seconds, or this very thread); an error
 * of the writing; or ENOMEM, and what is complete has been written.
 */
int rshi_flight_dump_sig(int fd);

/* In a forked child: nothing is kept, and nobody keeps. */
void rshi_flight_forked(void);

#endif /* RSH_TRACE_FLIGHT_H */
