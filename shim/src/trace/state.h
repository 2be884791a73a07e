/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_STATE_H
#define RSH_TRACE_STATE_H

/*
 * What the tracer's parts share: threads with what they are writing, buffers, names, generations.
 *
 * A thread writes into a buffer that is its own until it is full, or until the generation has ended.
 * Each of its two slots is for every other generation, so it begins with the next one while the
 * buffers of the last one are taken away. Whoever ends a generation waits until no thread is in the
 * middle of an event that it has begun before.
 *
 * Memory of threads is never given back, that of buffers only when nobody traces. A thread that has
 * ended leaves both to the next one: nothing has to run at a thread's end.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/lock.h"
#include "core/trace_format.h"
#include "parking.h"

#define RSHI_TRACE_BUFFER (64u << 10) /* bytes of one */
#define RSHI_TRACE_LANES  2           /* ordinary events, and those of handlers amid these */
#define RSHI_TRACE_STACK                                                                           \
	(64u << 10) /* bytes of a stack for handlers; what is not used takes none */

/*
 * Where a thread writes events of one generation. `p`, `batch` and `buffer` are stored by the owner
 * and read by who dumps what there is while the owner goes on; what is below `p` stays as it is as
 * long as the trace lock is held.
 */
struct rshi_trace_lane {
	unsigned char *p;     /* the next event */
	unsigned char *limit; /* an event that begins before it has room; NULL: no batch is open */
	unsigned char *end;   /* of the buffer; NULL if there is none */
	unsigned char *batch; /* the open one, or NULL */
	uint32_t buffer;      /* number of the buffer, plus 1; 0 if there is none */
	uint32_t events;      /* in the open batch */
};

/* The next event begins at @p. */
/* NOLINTNEXTLINE(readability-non-const-parameter): stored as it is. */
static inline void rshi_lane_at(struct rshi_trace_lane *lane, unsigned char *p)
{
	/* [TL1] release, pairs with [TL2]: what is before it. */
	__atomic_store_n(&lane->p, p, __ATOMIC_RELEASE);
}

/* What a thread is waiting for, as its end is written. */
struct rshi_trace_wait_open {
	uint32_t kind;   /* RSHI_TRACE_WAIT_END or RSHI_TRACE_CALL_END */
	uint32_t number; /* what for, or the name */
	uint64_t of;
};

#define RSHI_TRACE_OPEN 8u /* waits within waits, in handlers: what is deeper is not written */

struct rshi_trace_thread {
	struct rshi_trace_thread
	        *next;    /* immutable once it is in the list, which it never leaves */
	uint64_t owner;   /* atomic */
	uint32_t section; /* atomic, stored by the owner: odd in the middle of an event */
	uint32_t nested;  /* the owner's: a handler is in the middle of one, too */
	uint32_t tid;     /* the owner's */
	void *stack;      /* for the owner's handlers, or NULL; stays when the owner changes */
	uint64_t last[RSHI_TRACE_LANES]; /* the owner's, in a section: time of the last event */
	uint32_t open_count;             /* the owner's: waits that have begun */
	uint32_t open_since;             /* the owner's: s->switched when they did */
	struct rshi_trace_wait_open open[RSHI_TRACE_OPEN];
	/* The owner's, in a section; of generations that end, who ends them. */
	struct rshi_trace_lane lanes[RSHI_TRACE_LANES][2];
};

/* What there is about a buffer. */
struct rshi_trace_meta {
	uint32_t next;   /* atomic: in a list, the next one plus 1 */
	uint32_t used;   /* bytes; who has the buffer */
	uint32_t events; /* likewise */
	uint32_t lane;   /* likewise: tells the lanes apart that buffers are from */
};

struct rshi_trace_buffers {
	/* immutable while a trace runs or is read */
	unsigned char *memory;
	struct rshi_trace_meta *meta;
	size_t bytes; /* of the mapping */
	uint32_t n;

	/* atomic */
	uint64_t free;    /* the first free one plus 1; changes in the high half */
	uint32_t fresh;   /* from this one on they have never been used */
	uint32_t full[2]; /* by generation: the last one that became full, plus 1 */
	uint32_t in_use;
};

/* A name that has a number. */
struct rshi_trace_entry {
	const struct rshi_trace_entry *next; /* immutable once it is in the list */
	uint32_t number;
	uint32_t length;
	char text[];
};

#define RSHI_TRACE_HEADS      1024u
#define RSHI_TRACE_NAME_BYTES (1u << 20)

struct rshi_trace_names {
	const struct rshi_trace_entry *heads[RSHI_TRACE_HEADS]; /* atomic */
	uint32_t last;                                          /* atomic: the last number */
	uint32_t used;                                          /* atomic: bytes of the arena */
	char arena[RSHI_TRACE_NAME_BYTES] __attribute__((aligned(16)));
};

typedef int rshi_trace_clock_function(int clock, void *timespec);

struct rshi_trace {
	/* atomic, stored by who has the control */
	uint64_t generation; /* 0: nobody traces */

	/* immutable while a trace runs */
	uint32_t unit;    /* RSHI_TRACE_NS or RSHI_TRACE_TSC */
	uint32_t ordered; /* the kernel cannot order threads' loads and stores: they do it */
	rshi_trace_clock_function *clock; /* the kernel's own, in this process; or NULL */

	struct rshi_trace_buffers buffers;
	struct rshi_trace_names names;

	/* atomic */
	struct rshi_trace_thread *threads; /* the first one */
	uint32_t thread_count;
	uint32_t look; /* so many threads, before it is looked for those that have ended */
	uint64_t lost[RSHI_TRACE_LOST_CLASSES]; /* since the process began */
	uint64_t id;                            /* the last number of a task or flow */
	uint32_t automatic;                     /* RSH_TRACE_AUTO_* that are on */
	uint32_t switched;                      /* how often that has changed */
	uint32_t stacks;                        /* threads get a stack for handlers */

	struct rshi_parking reader, recorder;
};

extern struct rshi_trace rshi_trace_sig;
extern __thread struct rshi_trace_thread *rshi_trace_mine_sig
        __attribute__((tls_model("initial-exec")));

static inline struct rshi_trace_thread *rshi_threads_first(struct rshi_trace *s)
{
	/* [TT2] acquire, pairs with [TT1]: the thread's link. */
	return __atomic_load_n(&s->threads, __ATOMIC_ACQUIRE);
}

static inline const struct rshi_trace_entry *rshi_names_first(struct rshi_trace_names *names,
                                                              uint32_t head)
{
	/* [TN2] acquire, pairs with [TN1]: the name. */
	return __atomic_load_n(&names->heads[head], __ATOMIC_ACQUIRE);
}

/* Nanoseconds of a clock of the kernel's; ticks as events have them. */
uint64_t rshi_trace_clock_sig(int clock);
uint64_t rshi_trace_ticks_sig(void);

/* In its section or none, by the owner: a stack for handlers, where it has none. */
void rshi_trace_stack_sig(struct rshi_trace_thread *t);

/* What a thread needs that emits; without an event. */
void rshi_trace_enter_sig(void);

/* Is the thread that owns this one gone for good? */
int rshi_trace_is_gone_sig(const struct rshi_trace_thread *t);

#endif /* RSH_TRACE_STATE_H */
