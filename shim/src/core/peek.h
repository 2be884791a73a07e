/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_PEEK_H
#define RSH_CORE_PEEK_H

/*
 * Looking at libc's locks without touching them: would this call wait, does anybody wait? One relaxed
 * load each, of words that glibc keeps where the ABI has put them. An answer may be out of date when
 * it is given; it decides only whether a call is worth measuring.
 *
 * Of a libc that is not known, or whose locks do not behave as expected (rshi_peek_prove()), every
 * call could wait.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <threads.h>

/* What could not be proved: bits of RSHI_PEEK_*. Stored before anybody looks. */
extern uint32_t rshi_peek_blind __attribute__((visibility("hidden"))); /* atomic */

#define RSHI_PEEK_MUTEX  1u
#define RSHI_PEEK_RWLOCK 2u
#define RSHI_PEEK_SEM    4u

/* Find out. */
void rshi_peek_prove(void);

static inline int rshi_peek_is_blind(uint32_t what)
{
	return (__atomic_load_n(&rshi_peek_blind, __ATOMIC_RELAXED) & what) != 0;
}

#if defined(__GLIBC__)
#define RSHI_PEEK(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)

/* The kinds of mutexes whose word is 0, 1 (held) or 2 (held, and somebody may wait). */
#define RSHI_MUTEX_RECURSIVE  1
#define RSHI_MUTEX_ERRORCHECK 2
#define RSHI_MUTEX_TID        (16 | 32) /* robust or priority inheriting: the word is the owner */
#define RSHI_MUTEX_CEILING    64        /* priority protected: the ceiling is in it too */

static inline int rshi_mutex_is_held(const pthread_mutex_t *m)
{
	return RSHI_PEEK(m->__data.__lock) != 0;
}

static inline int rshi_mutex_has_waiters(const pthread_mutex_t *m)
{
	uint32_t word = (uint32_t)RSHI_PEEK(m->__data.__lock);
	int kind;

	if (word < 2)
		return 0;
	kind = RSHI_PEEK(m->__data.__kind);
	if (kind & RSHI_MUTEX_TID)
		return (word & 0x80000000u) != 0;
	return kind & RSHI_MUTEX_CEILING ? (word & 2) != 0 : 1;
}

/* The calling thread, @tid, has it already, and will not wait for itself. */
static inline int rshi_mutex_is_mine(const pthread_mutex_t *m, int (*tid)(void))
{
	int kind = RSHI_PEEK(m->__data.__kind) & 3;

	return (kind == RSHI_MUTEX_RECURSIVE || kind == RSHI_MUTEX_ERRORCHECK) &&
	       RSHI_PEEK(m->__data.__owner) == tid();
}

/* Bits of a reader-writer lock's first word; the rest of it is how many readers there are. */
#define RSHI_RWLOCK_WRITING 1u /* the lock is in its writers' phase */
#define RSHI_RWLOCK_WRITER  2u /* there is a writer, who has it or waits for it */
#define RSHI_RWLOCK_READERS 3  /* shift */

static inline int rshi_rwlock_stops_readers(const pthread_rwlock_t *l)
{
	uint32_t word = RSHI_PEEK(l->__data.__readers);

	if (!(word & RSHI_RWLOCK_WRITER))
		return 0;
	return (word & RSHI_RWLOCK_WRITING) ||
	       RSHI_PEEK(l->__data.__flags) != PTHREAD_RWLOCK_PREFER_READER_NP;
}

static inline int rshi_rwlock_stops_writers(const pthread_rwlock_t *l)
{
	return (RSHI_PEEK(l->__data.__readers) & ~RSHI_RWLOCK_WRITING) != 0;
}

/* Of those who have it for reading only the last one lets somebody in. */
static inline int rshi_rwlock_has_waiters(const pthread_rwlock_t *l)
{
	uint32_t word = RSHI_PEEK(l->__data.__readers);

	if ((word & RSHI_RWLOCK_WRITING) && (word & RSHI_RWLOCK_WRITER))
		return word >> RSHI_RWLOCK_READERS || RSHI_PEEK(l->__data.__writers);
	return word >> RSHI_RWLOCK_READERS == 1 &&
	       ((word & RSHI_RWLOCK_WRITER) || RSHI_PEEK(l->__data.__writers));
}

static inline int rshi_sem_is_empty(const sem_t *s)
{
	return RSHI_PEEK(*(const uint32_t *)s) == 0;
}
#else
static inline int rshi_mutex_is_held(const pthread_mutex_t *m)
{
	(void)m;
	return 1;
}

static inline int rshi_mutex_has_waiters(const pthread_mutex_t *m)
{
	(void)m;
	return 1;
}

static inline int rshi_mutex_is_mine(const pthread_mutex_t *m, int (*tid)(void))
{
	(void)m;
	(void)tid;
	return 0;
}

static inline int rshi_rwlock_stops_readers(const pthread_rwlock_t *l)
{
	(void)l;
	return 1;
}

static inline int rshi_rwlock_stops_writers(const pthread_rwlock_t *l)
{
	(void)l;
	return 1;
}

static inline int rshi_rwlock_has_waiters(const pthread_rwlock_t *l)
{
	(void)l;
	return 1;
}

static inline int rshi_sem_is_empty(const sem_t *s)
{
	(void)s;
	return 1;
}
#endif

/* A C11 mutex is a POSIX one in glibc; what it is elsewhere is not looked at. */
static inline const pthread_mutex_t *rshi_mutex_of(const mtx_t *m)
{
	return (const pthread_mutex_t *)m;
}

#endif /* RSH_CORE_PEEK_H */
