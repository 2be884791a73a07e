/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks behind a detector of clang's that is linked into the program, as those on locks are
 * (core/wait_hooks_behind.c): what it knows of the calls, and what it shows, is what it would be
 * without us.
 */

#include "call_hooks.h"

/* The runtime's own names, in C++: with the length of the last part. */
#define RUNTIME_HAS                                                                                \
	HAS(9, read)                                                                               \
	HAS(10, readv)                                                                             \
	HAS(10, pread)                                                                             \
	HAS(12, pread64)                                                                           \
	HAS(10, write)                                                                             \
	HAS(11, writev)                                                                            \
	HAS(11, pwrite)                                                                            \
	HAS(13, pwrite64)                                                                          \
	HAS(11, accept)                                                                            \
	HAS(12, accept4)                                                                           \
	HAS(12, connect)                                                                           \
	HAS(9, recv)                                                                               \
	HAS(13, recvfrom)                                                                          \
	HAS(12, recvmsg)                                                                           \
	HAS(13, recvmmsg)                                                                          \
	HAS(9, send)                                                                               \
	HAS(11, sendto)                                                                            \
	HAS(12, sendmsg)                                                                           \
	HAS(13, sendmmsg)                                                                          \
	HAS(9, poll)                                                                               \
	HAS(10, ppoll)                                                                             \
	HAS(15, epoll_wait)                                                                        \
	HAS(16, epoll_pwait)                                                                       \
	HAS(10, sleep)                                                                             \
	HAS(11, usleep)                                                                            \
	HAS(14, nanosleep)                                                                         \
	HAS(9, wait)                                                                               \
	HAS(12, waitpid)                                                                           \
	HAS(10, wait4)                                                                             \
	HAS(11, waitid)

#define RSHI_DECLARE(type, name, symbol, parameters)                                               \
	static type (*libc_##name)(parameters); /* atomic */                                       \
	type rshi_behind_##name(parameters) __attribute__((visibility("hidden")));
#define RSHI_NAME(name) rshi_behind_##name
/* [CB2] acquire, pairs with [CB1]: whoever has got here finds it. */
#define RSHI_NEXT(name) __atomic_load_n(&libc_##name, __ATOMIC_ACQUIRE)
#define RSHI_PUSH(pc)   ((void)(pc))
#define RSHI_POP()      ((void)0)

#include "call_hooks_body.h"

#define HAS(length, name)                                                                          \
	extern void *rshi_runtime_##name __asm__("_ZN14__interception" #length "real_" #name "E")  \
	        __attribute__((weak, visibility("hidden")));
RUNTIME_HAS
#undef HAS

/* The pointer stays ours until the process ends. NULL: the runtime has not found that function. */
#define HAS(length, name)                                                                          \
	if (&rshi_runtime_##name && rshi_runtime_##name) {                                         \
		*(void **)&libc_##name = rshi_runtime_##name;                                      \
		ours = (void *)(uintptr_t)rshi_behind_##name;                                      \
		/* [CB1] release, pairs with [CB2]: what it goes on to. */                         \
		__atomic_store_n(&rshi_runtime_##name, ours, __ATOMIC_RELEASE);                    \
	}
struct rsh_trace_source *rshi_calls_behind(void)
{
	static int is_done; /* guarded by the control */
	void *ours;

	if (is_done)
		return NULL;
	is_done = 1;
	RUNTIME_HAS
	return &source;
}
