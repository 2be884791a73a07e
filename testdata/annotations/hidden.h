/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the proof pairs share. helper_hidden.c is compiled without instrumentation, so
 * everything declared here really synchronises and really touches memory, and no race
 * detector sees any of it: the stand-in for a library, a kernel or an assembly routine.
 */
#ifndef HIDDEN_H
#define HIDDEN_H

#include <stddef.h>

/*
 * PROVE(annotation) is the annotation under proof: in place in the plain build, left out
 * (or replaced, PROVE_OR) in the build with -DRSH_CONTROL. Nothing else may differ.
 */
#ifdef RSH_CONTROL
#define PROVE(...)                    ((void)0)
#define PROVE_OR(annotation, instead) instead
#else
#define PROVE(...)                    __VA_ARGS__
#define PROVE_OR(annotation, instead) annotation
#endif

#define NOINLINE __attribute__((noinline))

/* A counter to wait for: hidden_wait sleeps until it has been posted @count times. */
void hidden_post(int *flag);
void hidden_wait(int *flag, int count);

/* A lock word, zero when free: one exclusive holder or any number of shared ones. */
void hidden_lock(int *lock);
int hidden_trylock(int *lock);
void hidden_unlock(int *lock);
void hidden_rdlock(int *lock);
int hidden_tryrdlock(int *lock);
void hidden_rdunlock(int *lock);

/* Atomic exchange and add, acquire and release both. */
void *hidden_exchange(void **slot, void *item);
int hidden_add(int *counter, int n);

/* Plain accesses of a library: byte by byte, never libc's (intercepted) functions. */
void hidden_copy(void *dst, const void *src, size_t n);
unsigned hidden_sum(const void *src, size_t n);

/* Start the threads, wait for them all to end. */
void run_two(void *(*first)(void *), void *(*second)(void *));
void run_three(void *(*first)(void *), void *(*second)(void *), void *(*third)(void *));

#endif
