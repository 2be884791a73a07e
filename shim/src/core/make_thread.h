/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_MAKE_THREAD_H
#define RSH_CORE_MAKE_THREAD_H

/*
 * Make a thread of the library's own that runs @run, detached and with all signals blocked. It is
 * libc's, made past the detector, or in the visible build not; so it may allocate nothing and call
 * nothing that a detector intercepts. Returns 0 or EAGAIN.
 */
int rshi_thread_make(void *(*run)(void *));

/*
 * What it does otherwise when it is first called: ask the loader for libc's function. To be called
 * before it, without any lock, by features that a library may start while it is loaded.
 */
void rshi_thread_prepare(void);

#endif /* RSH_CORE_MAKE_THREAD_H */
