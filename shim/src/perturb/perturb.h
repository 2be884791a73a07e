/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_PERTURB_PERTURB_H
#define RSH_PERTURB_PERTURB_H

/*
 * Schedules that are unlikely, on purpose: threads are held up, and moved between processors, where
 * they synchronise, begin, and end.
 *
 * What is done at an event follows from the seed, from the thread's place in the tree of threads that
 * make threads, and from how many events it has had: nothing else is looked at, so a seed repeats its
 * decisions. No detector sees any of it: raw system calls, and memory that only this library knows.
 * Nothing here orders two threads of the program that were not ordered before.
 */

/* What a thread is about to do. */
enum rshi_event {
	RSHI_TAKES,  /* a lock, or waits for something */
	RSHI_GIVES,  /* it unlocks, or wakes somebody */
	RSHI_MAKES,  /* a thread */
	RSHI_BEGINS, /* its own first function */
};

/* Read the wish, NAME:SEED, where it is made: before it the events pass unchanged. */
void rshi_perturb_init(char **environment);
/* Hold the calling thread up, or not. Any thread, any signal handler; errno stays. */
void rshi_perturb(enum rshi_event event);

/*
 * A thread is to be made: return what to hand to rshi_perturb_begin in its place, so that its place
 * in the tree goes along; NULL where nothing is wished, or too many threads are just being made.
 */
void *rshi_perturb_child(void *(*start)(void *), void *arg);
void *rshi_perturb_begin(void *child);

#endif /* RSH_PERTURB_PERTURB_H */
