/* SPDX-License-Identifier: BSD-2-Clause */
/* pthread_create() in front of libc's. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include <raceshim/cpuprof.h>

#include "core/detector.h"
#include "create.h"
#include "slots.h"

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

static pthread_key_t key;
static uint32_t has_key; /* atomic: the key is there; stored with the session's lock */

static void leave(void *slot)
{
	(void)slot;
	rshi_slot_leave_sig();
}

static void keep(void)
{
	/* [CK2] acquire, pairs with [CK1]: the key. */
	if (__atomic_load_n(&has_key, __ATOMIC_ACQUIRE))
		(void)pthread_setspecific(key, &key);
}

void rshi_create_prepare(void)
{
	static int is_prepared; /* guarded by the session's lock */

	if (is_prepared)
		return;
	is_prepared = 1;
	rshi_thread_set_keep_sig(keep);
	/* [CK1] release, pairs with [CK2]: the key. */
	if (!pthread_key_create(&key, leave) && key < KEYS_IN_THREAD)
		__atomic_store_n(&has_key, 1, __ATOMIC_RELEASE);
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
	struct rshi_slot *slot;
	int err;

	if (!create)
		return ENOSYS;
	slot = rshi_slot_reserve_sig();
	/* A jump, so that a detector finds the caller's address and no other. */
	if (!slot)
		return create(thread, attr, start, arg);
	slot->start = start;
	slot->arg = arg;
	slot->labels = rshi_labels_sig;
	rshi_frame_push(&caller);
	err = create(thread, attr, rshi_thread_begin_sig, slot);
	rshi_frame_pop();
	if (err)
		rshi_slot_cancel_sig(slot);
	return err;
}
