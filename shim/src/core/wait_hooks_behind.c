/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks behind the ThreadSanitizer of clang, which is linked into the program: it calls libc through
 * pointers, which are ours to change. What it knows of the program's locks, and what it shows, is
 * then exactly what it would be without us. Where there are no such pointers there are no such hooks.
 */

#include "wait_hooks.h"

/* The runtime's own names, in C++: with the length of the last part. */
#define RUNTIME_HAS                                                                                \
	HAS(23, pthread_mutex_lock)                                                                \
	HAS(28, pthread_mutex_timedlock)                                                           \
	HAS(28, pthread_mutex_clocklock)                                                           \
	HAS(25, pthread_mutex_unlock)                                                              \
	HAS(26, pthread_rwlock_rdlock)                                                             \
	HAS(31, pthread_rwlock_timedrdlock)                                                        \
	HAS(26, pthread_rwlock_wrlock)                                                             \
	HAS(31, pthread_rwlock_timedwrlock)                                                        \
	HAS(26, pthread_rwlock_unlock)                                                             \
	HAS(22, pthread_cond_wait)                                                                 \
	HAS(27, pthread_cond_timedwait)                                                            \
	HAS(27, pthread_cond_clockwait)                                                            \
	HAS(13, sem_wait)                                                                          \
	HAS(18, sem_timedwait)                                                                     \
	HAS(25, pthread_barrier_wait)                                                              \
	HAS(17, pthread_join)                                                                      \
	HAS(25, pthread_timedjoin_np)

#define RSHI_DECLARE(name, parameters)                                                             \
	static int (*libc_##name)(parameters); /* atomic */                                        \
	int rshi_back_##name(parameters);
#define RSHI_NAME(name)       rshi_back_##name
/* [LB2] acquire, pairs with [LB1]: whoever has got here finds it. */
#define RSHI_NEXT(name)       __atomic_load_n(&libc_##name, __ATOMIC_ACQUIRE)
#define RSHI_IS_WATCHED(name) __atomic_load_n(&rshi_hooks_back, __ATOMIC_RELAXED)
#define RSHI_PUSH(pc)         ((void)(pc))
#define RSHI_POP()            ((void)0)

#include "wait_hooks_body.h"

#define HAS(length, name)                                                                          \
	extern void *rshi_runtime_##name __asm__("_ZN14__interception" #length "real_" #name "E")  \
	        __attribute__((weak, visibility("hidden")));
RUNTIME_HAS
#undef HAS

/* The pointer stays ours until the process ends. NULL: the runtime has not found that function. */
#define HAS(length, name)                                                                          \
	if (&rshi_runtime_##name && rshi_runtime_##name) {                                         \
		*(void **)&libc_##name = rshi_runtime_##name;                                      \
		ours = (void *)(uintptr_t)rshi_back_##name;                                        \
		/* [LB1] release, pairs with [LB2]: what it goes on to. */                         \
		__atomic_store_n(&rshi_runtime_##name, ours, __ATOMIC_RELEASE);                    \
		done |= UINT64_C(1) << RSHI_N_##name;                                              \
	}
uint64_t rshi_hooks_behind(void)
{
	static uint64_t done; /* guarded by the lock of who starts */
	void *ours;

	if (!done) {
		RUNTIME_HAS
	}
	return done;
}
