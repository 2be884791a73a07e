/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_LOCKPROF_WAITERS_H
#define RSH_LOCKPROF_WAITERS_H

/*
 * Who is waiting for which lock, so that an unlock knows whom it has kept waiting: a table of fixed
 * size, by the lock's address, that nobody ever waits for. Threads that find no place in it wait for
 * their lock unlisted.
 */

#include <stdint.h>

/* A place in the table; 0 is none. */
typedef uint32_t rshi_place;

/* The calling thread waits for @lock from @now on, in ticks. */
rshi_place rshi_waiters_enter(const void *lock, uint64_t now);

/* It has ended to. */
void rshi_waiters_leave(rshi_place place);

/*
 * What all who wait for @lock have waited until @now since they came, or since this was called for
 * that lock before: each tick is handed out once. @n: how many wait.
 */
uint64_t rshi_waiters_charge(const void *lock, uint64_t now, uint32_t *n);

/* In a forked child: nobody waits. */
void rshi_waiters_forked(void);

#endif /* RSH_LOCKPROF_WAITERS_H */
