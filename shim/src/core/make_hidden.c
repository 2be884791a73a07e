/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that no detector knows of. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "make_thread.h"
#include "sys.h"

/* All signals but libc's own, which setuid() and others send to every thread and wait for. */
#define NOT_OURS (~(UINT64_C(7) << 31))

typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* In a static program there is only this one; in any other one nothing has such a name. */
extern create_function rshi_libc_create __asm__("__pthread_create") __attribute__((weak));

/* libc's own function, whoever stands before it. */
static create_function *of_libc(void)
{
	static const char *const names[] = {"libc.so.6", "libpthread.so.0"};
	void *found = NULL;
	create_function *create;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !found; i++) {
		void *library = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);

		if (library)
			found = dlsym(library, "pthread_create");
	}
	if (!found)
		found = dlsym(RTLD_NEXT, "pthread_create");
	*(void **)&create = found;
	return create ? create : rshi_libc_create;
}

static create_function *known; /* atomic: whoever looks it up finds the same */

void rshi_thread_prepare(void)
{
	/* A forked child looks nothing up. */
	if (!__atomic_load_n(&known, __ATOMIC_RELAXED))
		__atomic_store_n(&known, of_libc(), __ATOMIC_RELAXED);
}

int rshi_thread_make(void *(*run)(void *))
{
	create_function *create;
	pthread_attr_t attr;
	pthread_t thread;
	uint64_t mask = 0;
	int err;

	rshi_thread_prepare();
	create = __atomic_load_n(&known, __ATOMIC_RELAXED);
	if (!create || pthread_attr_init(&attr))
		return EAGAIN;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rshi_sigblock_sig(NOT_OURS, &mask);
	err = create(&thread, &attr, run, NULL);
	rshi_sigmask_sig(mask);
	(void)pthread_attr_destroy(&attr);
	return err ? EAGAIN : 0;
}
