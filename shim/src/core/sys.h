/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_SYS_H
#define RSH_CORE_SYS_H

/*
 * System calls made past libc, and so past the detectors' interceptors, for handlers and for
 * installing them. A handler that an intercepted sigaction installs is deferred by TSan to the
 * thread's next intercepted call, and all but one of the signals that arrive until then are lost.
 *
 * All functions return 0 or a positive errno constant, leave errno alone, are async-signal-safe,
 * and may be called from any thread. What they do to memory or to other threads no detector sees.
 */

#include <stddef.h>
#include <stdint.h>

/* As libc's struct sigaction; @flags are those of <signal.h>, with SA_SIGINFO for a real siginfo.
 */
struct rshi_sigaction {
	void (*handler)(int signo, void *siginfo, void *ucontext); /* or SIG_DFL, SIG_IGN */
	unsigned long flags;
	uint64_t mask; /* bit signo - 1 */
};

/* Install @act, if not NULL, and store what was there before at @old, if not NULL. */
int rshi_sigaction_sig(int signo, const struct rshi_sigaction *act, struct rshi_sigaction *old);

/* Block more signals (bit signo - 1) in this thread, the mask so far to @old; set the mask. */
int rshi_sigblock_sig(uint64_t more, uint64_t *old);
int rshi_sigmask_sig(uint64_t mask);

int rshi_getpid_sig(void);
int rshi_gettid_sig(void);

/* Send a signal to one thread; ESRCH if it is gone. */
int rshi_tgkill_sig(int pid, int tid, int signo);

/*
 * A POSIX timer that sends @signo with @value to thread @tid of this process when @clock says so.
 * The kernel's timer id goes to *@id. Timers are not inherited by a forked child.
 */
int rshi_timer_create_sig(int clock, int tid, int signo, uintptr_t value, int *id);

/* First expiry after @first nanoseconds (0 disarms), then every @period nanoseconds (0: never). */
int rshi_timer_settime_sig(int id, uint64_t first, uint64_t period);
int rshi_timer_delete_sig(int id);

/*
 * Sleep while *@word is @expected, at most @timeout nanoseconds if that is not 0. Returns 0 when
 * woken, EAGAIN if the word was different, ETIMEDOUT, or EINTR after a signal.
 */
int rshi_futex_wait_sig(const uint32_t *word, uint32_t expected, uint64_t timeout);

/* Wake at most @n threads that sleep on @word; how many were woken goes to *@woken if not NULL. */
int rshi_futex_wake_sig(const uint32_t *word, int n, int *woken);

/* Anonymous private memory, zeroed; the detector is not told that it is new. */
int rshi_mmap_sig(size_t size, void **p);
int rshi_munmap_sig(void *p, size_t size);

/* Make it larger, with zeros, at the same or another address. */
int rshi_mremap_sig(void **p, size_t size, size_t new_size);

/* Any system call of at most five arguments, with the kernel's result: negative is -errno. */
long rshi_call_sig(long number, long a, long b, long c, long d, long e);

/* EFAULT unless the 8 bytes at @p can be read at this moment. Makes no page stay. */
int rshi_readable_sig(const void *p);

/* Copy @n bytes; EFAULT, and no fault, if they cannot all be read. */
int rshi_fetch_sig(void *to, const void *from, size_t n);

/* Copy the word at @p to *@value; EFAULT, and no fault, if it cannot be read. */
int rshi_peek_sig(const void *p, uintptr_t *value);

#endif /* RSH_CORE_SYS_H */
