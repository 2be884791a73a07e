/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_PERTURB_PERTURB_H
#define RSH_PERTURB_PERTURB_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Schedules that are unlikely, on purpose: threads are held up, and moved between processors, where
 * they synchronise, begin, and end, and, in programs that are linked for it, where they touch memory.
 *
 * What is done at an event follows from the seed, from the thread's place in the tree of threads that
 * make threads, and from how many events it has had: nothing else is looked at, so a seed repeats its
 * decisions. No detector sees any of it: raw system calls, and memory that only this library knows.
 * Nothing here orders two threads of the program that were not ordered before.
 */

/* What a thread is about to do. */
enum rshi_event {
	RSHI_LOCKS,  /* a mutex, and waits for it where it is locked */
	RSHI_TAKES,  /* another lock, or waits for something */
	RSHI_TRIES,  /* a lock, and never waits */
	RSHI_GIVES,  /* it unlocks, or wakes somebody */
	RSHI_MAKES,  /* a thread */
	RSHI_BEGINS, /* its own first function */
	RSHI_RESTS,  /* it sleeps, or gives way, as the program says */
	RSHI_ENDS,   /* itself */
	RSHI_MEETS,  /* others by an atomic operation */
	RSHI_TOUCHES /* memory, or enters a function */
};

/* Of a thread, what hooks at each access look at; see RSHI_IS_DUE. */
struct rshi_mine {
	uint32_t turn;  /* what rshi_turn is while this thread may go on */
	uint32_t left;  /* so many plain accesses until something is to be done */
	uint32_t meets; /* so many atomic operations until something is to be done */
	uint32_t depth; /* functions entered and not left */
	bool inside;    /* of this library: a signal handler's events pass unchanged */
};
extern __thread struct rshi_mine rshi_mine
        __attribute__((tls_model("initial-exec"), visibility("hidden")));
/* Whose turn it is, where threads take turns; 0 where they do not. */
extern uint32_t rshi_turn __attribute__((visibility("hidden")));

/* Whether something is to be done before an access: all that most of them cost. */
#define RSHI_IS_DUE(left)                                                                          \
	__builtin_expect(__atomic_load_n(&rshi_turn, __ATOMIC_RELAXED) != rshi_mine.turn ||        \
	                         --rshi_mine.left == 0,                                            \
	                 0)

/*
 * Read the wish, NAME:SEED, where it is made: before it the events pass unchanged. `in_front` is
 * whether the hooks stand between the program and the detector: only there can a thread be held up
 * before its first function while its maker goes on.
 */
void rshi_perturb_init(char **environment, bool in_front);
/* Hold the calling thread up, or not. Any thread, any signal handler; errno stays. */
void rshi_perturb(enum rshi_event event, const void *object);
/* The same of RSHI_MEETS and RSHI_TOUCHES, where RSHI_IS_DUE. */
void rshi_perturb_due(enum rshi_event event);

/*
 * A thread is to be made: return what to hand to rshi_perturb_begin in its place, so that its place
 * in the tree goes along; NULL where nothing is wished, or too many threads are just being made.
 */
void *rshi_perturb_child(void *(*start)(void *), void *arg);
void *rshi_perturb_begin(void *child);

#endif /* RSH_PERTURB_PERTURB_H */
