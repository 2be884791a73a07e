/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_BIRTHS_H
#define RSH_CORE_BIRTHS_H

/*
 * Threads that are made by pthread_create(), followed from their first instruction to their last: by
 * the CPU profile, by the trace.
 *
 * Our pthread_create() stands before libc's, and before or behind a detector's: in a shared library
 * the next one in the linker's order is called; in a program that a detector's runtime is linked
 * into, which defines it weakly, the runtime's. Where nobody follows it jumps there.
 *
 * Where a thread begins the detector may not have heard of it yet, and where it ends not any more:
 * followers call nothing that one intercepts, and are compiled without its hooks in every build.
 */

#include <stdint.h>

struct rshi_follower {
	/* In the maker, before: a note for the new thread; 0: this thread is not followed. */
	uint64_t (*make)(void);

	/* In its place, when there is no new thread after all. */
	void (*cancel)(uint64_t note);

	/* In the new thread, before all else. */
	void (*begin)(uint64_t note);

	/*
	 * In a followed thread when it ends, also by pthread_exit() or cancellation, with the
	 * destructors of thread-specific values: in the first round of them, and, if @is_last is
	 * set, in the last one instead, after which few act any more.
	 */
	void (*end)(void);
	int is_last;
};

enum rshi_follower_place { RSHI_FOLLOWER_PROFILE, RSHI_FOLLOWER_TRACE, RSHI_FOLLOWERS };

/* From now on, for good: a follower that has nothing to follow leaves its notes at 0. */
void rshi_births_follow(enum rshi_follower_place place, const struct rshi_follower *follower);

/* What goes from who makes a thread to the thread; NULL: nobody follows. */
struct rshi_birth;
struct rshi_birth *rshi_birth_make_sig(void *(*start)(void *), void *arg);
void rshi_birth_cancel_sig(struct rshi_birth *birth);

/* Where a new thread begins: goes on to what it was made for. */
void *rshi_birth_begin_sig(void *birth);

void rshi_births_add_sig(enum rshi_follower_place place, const struct rshi_follower *follower);

/* libc's function to have a destructor called, and the key for it, whose destructor this is. */
void rshi_births_keep_sig(int (*set)(unsigned int key, const void *value), unsigned int key);
void rshi_births_leave_sig(void *round);

#endif /* RSH_CORE_BIRTHS_H */
