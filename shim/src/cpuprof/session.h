/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_SESSION_H
#define RSH_CPUPROF_SESSION_H

/*
 * What is being profiled: one session at a time, and a slot for each thread of it.
 *
 * Slots live in memory that is never given back, so a signal that comes late finds one. A slot
 * belongs to one thread until the kernel says that the thread is gone, or the session ends; a session
 * ends when nobody is in the handler any more.
 */

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "core/lock.h"
#include "core/pool.h"
#include "core/sys.h"
#include "core/unwind.h"

#define RSHI_SLOTS 4096  /* threads that can be sampled at the same time */
#define RSHI_FDS   65536 /* descriptors that a clock may have */
#define RSHI_NAME  16    /* of a thread, as the kernel has it */

/* Words in front of the pcs of a sample. */
enum {
	RSHI_HEADER_THREAD, /* thread id << 32 | how many ticks of the clock it stands for */
	RSHI_HEADER_LABELS, /* address of the labels | why the walk has ended */
	RSHI_HEADER_WORDS,
};

#define RSHI_END_MASK 7u /* labels are aligned to more than that */

struct rshi_labels;

enum rshi_slot_state {
	RSHI_SLOT_FREE,
	RSHI_SLOT_STARTING, /* of a thread that is being made, and has no id yet */
	RSHI_SLOT_LIVE,
	RSHI_SLOT_ENDED, /* the thread has ended, or is about to; what it left may not be read yet */
};

struct rshi_slot {
	/* guarded by the table's lock */
	enum rshi_slot_state state;
	uint32_t next; /* free ones: index of the next, plus 1 */
	uint32_t
	        seen; /* number of the listing of threads that had it last, or that it is newer than */
	uint32_t listless; /* number of the listing that had it no more */
	char name[RSHI_NAME];

	/* from who makes the thread to the thread */
	const struct rshi_labels *labels;

	/* atomic; stored with the table's lock held */
	int tid;
	uint32_t is_open; /* the thread's handler may write to its ring */
	struct rshi_timing timing;

	/* atomic */
	uint32_t inside; /* handlers that look at this slot */

	/* the thread's handler; others when it is not open and nobody is inside */
	uintptr_t thread; /* the thread that it was found to be, in the handler's own terms */
	struct rshi_pool_ring *ring;
	uintptr_t pcs[RSHI_UNWIND_MAX];
};

struct rshi_cpuprof {
	/* immutable while a session is on */
	struct rshi_pool *pool;
	const struct rshi_clock *clock, *fallback; /* the second for threads that it fails for */
	uint64_t period;                           /* nanoseconds */
	uint32_t fds_max;                          /* descriptors that clocks may use */
	uint32_t session;                          /* number of the last session */
	int pid;                                   /* of the process that it is of */
	struct rshi_sigaction before;              /* what SIGPROF did before */

	/* immutable after the first start */
	struct rshi_slot *slots;
	uint32_t *by_fd;  /* atomic elements: the slot whose clock it is, plus 1 */
	uint16_t *by_tid; /* atomic elements: a slot that may be the thread's, by its low bits */

	/* atomic */
	uint32_t on;     /* number of the session, 0 if there is none */
	uint32_t inside; /* handlers of threads that have no slot */
	uint64_t missed; /* ticks that lost samples stood for beyond the first one each */
	uint32_t used;   /* slots from this one on never had a thread */
	uint32_t forks;  /* a thread is in fork, with all locks, in both processes */

	struct rshi_lock lock; /* of the table of slots */

	/* guarded by it */
	uint32_t free;      /* first free slot, plus 1 */
	uint32_t listing;   /* number of the last listing of threads */
	uint32_t threads;   /* that are sampled */
	uint32_t fell_back; /* threads that the fallback was for */
	uint32_t unsampled; /* threads that there was no slot or no clock for */
	uint32_t fds;       /* descriptors in use */
	int clock_error;    /* why, if there was no clock */
	int self;           /* thread id of the reader, which is not sampled */
};

extern struct rshi_cpuprof rshi_cpuprof_sig;

/* The calling thread's labels; NULL if it has none. */
extern __thread const struct rshi_labels *rshi_labels_sig
        __attribute__((tls_model("initial-exec")));

/* The handler of SIGPROF: install it, see whether it still is, and take it back. */
int rshi_handler_install_sig(struct rshi_cpuprof *s);
int rshi_handler_is_ours_sig(void);
void rshi_handler_remove_sig(struct rshi_cpuprof *s);

/* Let nobody sample any more, and wait until nobody does. */
void rshi_handler_quiesce_sig(struct rshi_cpuprof *s);

/* Wait for those who are sampling now: until each thread has been seen outside its handler. */
void rshi_handler_wait_sig(struct rshi_cpuprof *s);

#endif /* RSH_CPUPROF_SESSION_H */
