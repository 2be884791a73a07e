/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether libc's locks are what we take them for. */

#include <dlfcn.h>
#include <time.h>

#include "peek.h"

uint32_t rshi_peek_blind;

#if defined(__GLIBC__)
/* By C11's functions, which no detector intercepts; in glibc they are those of POSIX. */
static int prove_mutex(void)
{
	static const struct timespec long_ago;
	pthread_mutex_t *posix;
	mtx_t m;
	int good;

	if (mtx_init(&m, mtx_timed) != thrd_success)
		return 0;
	posix = (void *)&m;
	good = !rshi_mutex_is_held(posix) && mtx_trylock(&m) == thrd_success &&
	       rshi_mutex_is_held(posix) && !rshi_mutex_has_waiters(posix) &&
	       /* Whoever has tried in vain leaves it as if somebody waited. */
	       mtx_timedlock(&m, &long_ago) == thrd_timedout && rshi_mutex_has_waiters(posix) &&
	       mtx_unlock(&m) == thrd_success && !rshi_mutex_is_held(posix);
	mtx_destroy(&m);
	return good;
}

/*
 * libc's own, whoever stands before it: a detector counts the locks that it sees. NULL in a static
 * program, which has no other libc than the one that it was compiled for.
 */
static void *of_libc(const char *name)
{
	void *library = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	return library ? dlsym(library, name) : NULL;
}

typedef int rwlock_function(pthread_rwlock_t *lock);

static rwlock_function *of_rwlocks(const char *name)
{
	rwlock_function *found;

	*(void **)&found = of_libc(name);
	return found;
}

static int prove_rwlock(void)
{
	pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	rwlock_function *read = of_rwlocks("pthread_rwlock_tryrdlock");
	rwlock_function *write = of_rwlocks("pthread_rwlock_trywrlock");
	rwlock_function *unlock = of_rwlocks("pthread_rwlock_unlock");

	if (!read || !write || !unlock)
		return 1;
	return !rshi_rwlock_stops_readers(&lock) && !rshi_rwlock_stops_writers(&lock) &&
	       !read(&lock) && !rshi_rwlock_stops_readers(&lock) &&
	       rshi_rwlock_stops_writers(&lock) && !rshi_rwlock_has_waiters(&lock) &&
	       !unlock(&lock) && !rshi_rwlock_stops_writers(&lock) && !write(&lock) &&
	       rshi_rwlock_stops_readers(&lock) && rshi_rwlock_stops_writers(&lock) &&
	       !rshi_rwlock_has_waiters(&lock) && !unlock(&lock) &&
	       !rshi_rwlock_stops_readers(&lock) && !rshi_rwlock_stops_writers(&lock);
}

static int prove_sem(void)
{
	int (*init)(sem_t *, int, unsigned int);
	sem_t full, empty;

	*(void **)&init = of_libc("sem_init");
	if (!init)
		return 1;
	return !init(&full, 0, 1) && !init(&empty, 0, 0) && !rshi_sem_is_empty(&full) &&
	       rshi_sem_is_empty(&empty);
}
#else
static int prove_mutex(void)
{
	return 0;
}

static int prove_rwlock(void)
{
	return 0;
}

static int prove_sem(void)
{
	return 0;
}
#endif

void rshi_peek_prove(void)
{
	uint32_t blind = 0;

	if (!prove_mutex())
		blind |= RSHI_PEEK_MUTEX;
	if (!prove_rwlock())
		blind |= RSHI_PEEK_RWLOCK;
	if (!prove_sem())
		blind |= RSHI_PEEK_SEM;
	__atomic_store_n(&rshi_peek_blind, blind, __ATOMIC_RELAXED);
}
