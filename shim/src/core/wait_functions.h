/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_WAIT_FUNCTIONS_H
#define RSH_CORE_WAIT_FUNCTIONS_H

/*
 * libc's functions that wait, and those that let others go on: the one list of them. Whoever stands in
 * front of them defines what an entry becomes:
 *
 *   RSHI_LOCK(name, parameters, arguments, lock, kind, may_wait, mine)
 *	waits for @lock if may_wait; not if mine, though it may look like it
 *   RSHI_UNLOCK(name, parameters, arguments, lock, kind, has_waiters)
 *   RSHI_COND(name, parameters, arguments, lock, has_waiters)
 *	unlocks @lock, waits, and locks it again
 *   RSHI_WAIT(name, parameters, arguments, kind, may_wait, has_waited)
 *	@has_waited: whether it has, by its @result
 *
 * All of them return an int. Parameters and arguments are put together by RSHI_LIST.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* those with a clock */
#endif

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <threads.h>
#include <time.h>

#include "peek.h"
#include "sys.h"
#include "waits.h"

#define RSHI_LIST(...) __VA_ARGS__

#define RSHI_MUTEX_HELD(m)    (rshi_peek_is_blind(RSHI_PEEK_MUTEX) || rshi_mutex_is_held(m))
#define RSHI_MUTEX_WAITED(m)  (rshi_peek_is_blind(RSHI_PEEK_MUTEX) || rshi_mutex_has_waiters(m))
#define RSHI_MUTEX_MINE(m)    rshi_mutex_is_mine(m, rshi_gettid_sig)
#define RSHI_NO_READERS(l)    (rshi_peek_is_blind(RSHI_PEEK_RWLOCK) || rshi_rwlock_stops_readers(l))
#define RSHI_NO_WRITERS(l)    (rshi_peek_is_blind(RSHI_PEEK_RWLOCK) || rshi_rwlock_stops_writers(l))
#define RSHI_RWLOCK_WAITED(l) (rshi_peek_is_blind(RSHI_PEEK_RWLOCK) || rshi_rwlock_has_waiters(l))
#define RSHI_SEM_EMPTY(s)     (rshi_peek_is_blind(RSHI_PEEK_SEM) || rshi_sem_is_empty(s))

#define RSHI_FUNCTIONS_OF_MUTEXES                                                                  \
	RSHI_LOCK(pthread_mutex_lock, RSHI_LIST(pthread_mutex_t *m), RSHI_LIST(m), m,              \
	          RSHI_WAIT_MUTEX, RSHI_MUTEX_HELD(m), RSHI_MUTEX_MINE(m))                         \
	RSHI_LOCK(pthread_mutex_timedlock,                                                         \
	          RSHI_LIST(pthread_mutex_t *m, const struct timespec *until),                     \
	          RSHI_LIST(m, until), m, RSHI_WAIT_MUTEX, RSHI_MUTEX_HELD(m), RSHI_MUTEX_MINE(m)) \
	RSHI_LOCK(pthread_mutex_clocklock,                                                         \
	          RSHI_LIST(pthread_mutex_t *m, clockid_t clock, const struct timespec *until),    \
	          RSHI_LIST(m, clock, until), m, RSHI_WAIT_MUTEX, RSHI_MUTEX_HELD(m),              \
	          RSHI_MUTEX_MINE(m))                                                              \
	RSHI_UNLOCK(pthread_mutex_unlock, RSHI_LIST(pthread_mutex_t *m), RSHI_LIST(m), m,          \
	            RSHI_WAIT_MUTEX, RSHI_MUTEX_WAITED(m))                                         \
	RSHI_LOCK(mtx_lock, RSHI_LIST(mtx_t *m), RSHI_LIST(m), m, RSHI_WAIT_MUTEX,                 \
	          RSHI_MUTEX_HELD(rshi_mutex_of(m)), RSHI_MUTEX_MINE(rshi_mutex_of(m)))            \
	RSHI_LOCK(mtx_timedlock, RSHI_LIST(mtx_t *m, const struct timespec *until),                \
	          RSHI_LIST(m, until), m, RSHI_WAIT_MUTEX, RSHI_MUTEX_HELD(rshi_mutex_of(m)),      \
	          RSHI_MUTEX_MINE(rshi_mutex_of(m)))                                               \
	RSHI_UNLOCK(mtx_unlock, RSHI_LIST(mtx_t *m), RSHI_LIST(m), m, RSHI_WAIT_MUTEX,             \
	            RSHI_MUTEX_WAITED(rshi_mutex_of(m)))

#define RSHI_FUNCTIONS_OF_RWLOCKS                                                                  \
	RSHI_LOCK(pthread_rwlock_rdlock, RSHI_LIST(pthread_rwlock_t *l), RSHI_LIST(l), l,          \
	          RSHI_WAIT_READ, RSHI_NO_READERS(l), 0)                                           \
	RSHI_LOCK(pthread_rwlock_timedrdlock,                                                      \
	          RSHI_LIST(pthread_rwlock_t *l, const struct timespec *until),                    \
	          RSHI_LIST(l, until), l, RSHI_WAIT_READ, RSHI_NO_READERS(l), 0)                   \
	RSHI_LOCK(pthread_rwlock_clockrdlock,                                                      \
	          RSHI_LIST(pthread_rwlock_t *l, clockid_t clock, const struct timespec *until),   \
	          RSHI_LIST(l, clock, until), l, RSHI_WAIT_READ, RSHI_NO_READERS(l), 0)            \
	RSHI_LOCK(pthread_rwlock_wrlock, RSHI_LIST(pthread_rwlock_t *l), RSHI_LIST(l), l,          \
	          RSHI_WAIT_WRITE, RSHI_NO_WRITERS(l), 0)                                          \
	RSHI_LOCK(pthread_rwlock_timedwrlock,                                                      \
	          RSHI_LIST(pthread_rwlock_t *l, const struct timespec *until),                    \
	          RSHI_LIST(l, until), l, RSHI_WAIT_WRITE, RSHI_NO_WRITERS(l), 0)                  \
	RSHI_LOCK(pthread_rwlock_clockwrlock,                                                      \
	          RSHI_LIST(pthread_rwlock_t *l, clockid_t clock, const struct timespec *until),   \
	          RSHI_LIST(l, clock, until), l, RSHI_WAIT_WRITE, RSHI_NO_WRITERS(l), 0)           \
	RSHI_UNLOCK(pthread_rwlock_unlock, RSHI_LIST(pthread_rwlock_t *l), RSHI_LIST(l), l,        \
	            RSHI_WAIT_WRITE, RSHI_RWLOCK_WAITED(l))

#define RSHI_FUNCTIONS_OF_CONDITIONS                                                               \
	RSHI_COND(pthread_cond_wait, RSHI_LIST(pthread_cond_t *c, pthread_mutex_t *m),             \
	          RSHI_LIST(c, m), m, RSHI_MUTEX_WAITED(m))                                        \
	RSHI_COND(pthread_cond_timedwait,                                                          \
	          RSHI_LIST(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until),  \
	          RSHI_LIST(c, m, until), m, RSHI_MUTEX_WAITED(m))                                 \
	RSHI_COND(pthread_cond_clockwait,                                                          \
	          RSHI_LIST(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,                \
	                    const struct timespec *until),                                         \
	          RSHI_LIST(c, m, clock, until), m, RSHI_MUTEX_WAITED(m))                          \
	RSHI_COND(cnd_wait, RSHI_LIST(cnd_t *c, mtx_t *m), RSHI_LIST(c, m), m,                     \
	          RSHI_MUTEX_WAITED(rshi_mutex_of(m)))                                             \
	RSHI_COND(cnd_timedwait, RSHI_LIST(cnd_t *c, mtx_t *m, const struct timespec *until),      \
	          RSHI_LIST(c, m, until), m, RSHI_MUTEX_WAITED(rshi_mutex_of(m)))

/* A semaphore says by errno why not; one who waits for a barrier last has not waited. */
#define RSHI_SEM_RESULT     (!result || errno == ETIMEDOUT || errno == EINTR)
#define RSHI_BARRIER_RESULT (!result)
#define RSHI_JOIN_RESULT    (!result || result == ETIMEDOUT)

#define RSHI_FUNCTIONS_THAT_WAIT                                                                   \
	RSHI_WAIT(sem_wait, RSHI_LIST(sem_t *s), RSHI_LIST(s), RSHI_WAIT_SEM, RSHI_SEM_EMPTY(s),   \
	          RSHI_SEM_RESULT)                                                                 \
	RSHI_WAIT(sem_timedwait, RSHI_LIST(sem_t *s, const struct timespec *until),                \
	          RSHI_LIST(s, until), RSHI_WAIT_SEM, RSHI_SEM_EMPTY(s), RSHI_SEM_RESULT)          \
	RSHI_WAIT(sem_clockwait,                                                                   \
	          RSHI_LIST(sem_t *s, clockid_t clock, const struct timespec *until),              \
	          RSHI_LIST(s, clock, until), RSHI_WAIT_SEM, RSHI_SEM_EMPTY(s), RSHI_SEM_RESULT)   \
	RSHI_WAIT(pthread_barrier_wait, RSHI_LIST(pthread_barrier_t *b), RSHI_LIST(b),             \
	          RSHI_WAIT_BARRIER, 1, RSHI_BARRIER_RESULT)                                       \
	RSHI_WAIT(pthread_join, RSHI_LIST(pthread_t t, void **value), RSHI_LIST(t, value),         \
	          RSHI_WAIT_JOIN, 1, RSHI_JOIN_RESULT)                                             \
	RSHI_WAIT(pthread_timedjoin_np,                                                            \
	          RSHI_LIST(pthread_t t, void **value, const struct timespec *until),              \
	          RSHI_LIST(t, value, until), RSHI_WAIT_JOIN, 1, RSHI_JOIN_RESULT)                 \
	RSHI_WAIT(pthread_clockjoin_np,                                                            \
	          RSHI_LIST(pthread_t t, void **value, clockid_t clock,                            \
	                    const struct timespec *until),                                         \
	          RSHI_LIST(t, value, clock, until), RSHI_WAIT_JOIN, 1, RSHI_JOIN_RESULT)          \
	RSHI_WAIT(thrd_join, RSHI_LIST(thrd_t t, int *value), RSHI_LIST(t, value), RSHI_WAIT_JOIN, \
	          1, RSHI_JOIN_RESULT)

#define RSHI_FUNCTIONS                                                                             \
	RSHI_FUNCTIONS_OF_MUTEXES                                                                  \
	RSHI_FUNCTIONS_OF_RWLOCKS                                                                  \
	RSHI_FUNCTIONS_OF_CONDITIONS                                                               \
	RSHI_FUNCTIONS_THAT_WAIT

#endif /* RSH_CORE_WAIT_FUNCTIONS_H */
