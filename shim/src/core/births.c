/* SPDX-License-Identifier: BSD-2-Clause */
/* pthread_create() in front of libc's. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include <raceshim/raceshim.h>

#include "births.h"
#include "detector.h"
#include "lock.h"

typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/*
 * The detector's, if its runtime is in the same executable or library as this: it is what would have
 * been called without us. Not one of somebody else's, who may be about to call this.
 */
extern create_function rshi_runtime_create __asm__("__interceptor_pthread_create")
        __attribute__((weak, visibility("hidden")));

/* glibc's own name for it: what a static program has instead of a next one. */
extern create_function rshi_libc_create __asm__("__pthread_create") __attribute__((weak));

/*
 * A weak reference takes nothing out of libc.a, and one that is not weak finds nothing in libc.so. This
 * function is in both, and in libc.a it needs the one above.
 */
__attribute__((used)) static int (*const with_libc_create)(thrd_t *, thrd_start_t,
                                                           void *) = thrd_create;

static create_function *next; /* atomic; whoever looks it up finds the same */

/* libc keeps the values of so many keys in the thread itself; for more it allocates. */
#define KEYS_IN_THREAD 32

_Static_assert(_Generic((pthread_key_t)0, unsigned int: 1, default: 0), "keys are numbers");

void rshi_births_follow(enum rshi_follower_place place, const struct rshi_follower *follower)
{
	static struct rshi_lock lock;
	static int is_prepared; /* guarded by it */
	pthread_key_t key;

	rshi_lock(&lock);
	if (!is_prepared && !pthread_key_create(&key, rshi_births_leave_sig) &&
	    key < KEYS_IN_THREAD)
		rshi_births_keep_sig(pthread_setspecific, key);
	is_prepared = 1;
	rshi_births_add_sig(place, follower);
	rshi_unlock(&lock);
}

static create_function *find_next(void)
{
	create_function *found = __atomic_load_n(&next, __ATOMIC_RELAXED);

	if (found)
		return found;
	found = rshi_runtime_create;
	if (!found)
		*(void **)&found = dlsym(RTLD_NEXT, "pthread_create");
	if (!found)
		found = rshi_libc_create;
	__atomic_store_n(&next, found, __ATOMIC_RELAXED);
	return found;
}

RSH_API int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                           void *arg)
{
	const struct rshi_caller caller = RSHI_CALLER(pthread_create);
	create_function *create = find_next();
	struct rshi_birth *birth;
	int err;

	if (!create)
		return ENOSYS;
	birth = rshi_birth_make_sig(start, arg);
	/* A jump, so that a detector finds the caller's address and no other. */
	if (!birth)
		return create(thread, attr, start, arg);
	rshi_frame_push(&caller);
	err = create(thread, attr, rshi_birth_begin_sig, birth);
	rshi_frame_pop();
	if (err)
		rshi_birth_cancel_sig(birth);
	return err;
}
