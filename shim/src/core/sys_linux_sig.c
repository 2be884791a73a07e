/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls past libc and the interceptors, Linux. Structures are the kernel's, not libc's. */

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/signal.h>
#include <linux/time_types.h>
#include <linux/uio.h>

#include "sys.h"

#if defined(__x86_64__)
#include "restorer_x86_64.h"
#include "syscall_x86_64.h"
#elif defined(__aarch64__)
#include "restorer_aarch64.h"
#include "syscall_aarch64.h"
#else
#error "no system calls for this machine: add shim/src/core/syscall_<machine>.h"
#endif

#define LARGEST_ERRNO 4095
#define NS_PER_S      1000000000u

/* What rt_sigaction takes; libc's struct has another order and a longer mask. */
struct kernel_sigaction {
	void (*handler)(int signo, void *siginfo, void *ucontext);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static inline int error_of(long result)
{
	return result < 0 && result >= -LARGEST_ERRNO ? (int)-result : 0;
}

static inline void split(uint64_t ns, struct __kernel_timespec *t)
{
	t->tv_sec = (long long)(ns / NS_PER_S);
	t->tv_nsec = (long long)(ns % NS_PER_S);
}

long rshi_call_sig(long number, long a, long b, long c, long d, long e)
{
	return rshi_syscall(number, a, b, c, d, e, 0);
}

int rshi_sigblock_sig(uint64_t more, uint64_t *old)
{
	return error_of(rshi_syscall(__NR_rt_sigprocmask, SIG_BLOCK, (long)&more, (long)old,
	                             sizeof(more), 0, 0));
}

int rshi_sigmask_sig(uint64_t mask)
{
	return error_of(
	        rshi_syscall(__NR_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0));
}

int rshi_sigaction_sig(int signo, const struct rshi_sigaction *act, struct rshi_sigaction *old)
{
	struct kernel_sigaction in, out;
	int err;

	/* Field by field: a compiler may call memset for an initialiser. */
	out.handler = NULL;
	out.flags = 0;
	out.mask = 0;
	if (act) {
		in.handler = act->handler;
		in.flags = act->flags;
		in.restorer = RSHI_RESTORER;
		if (in.restorer)
			in.flags |= SA_RESTORER;
		in.mask = act->mask;
	}
	err = error_of(rshi_syscall(__NR_rt_sigaction, signo, act ? (long)&in : 0,
	                            old ? (long)&out : 0, sizeof(in.mask), 0, 0));
	if (!err && old) {
		old->handler = out.handler;
		old->flags = out.flags;
		old->mask = out.mask;
	}
	return err;
}

int rshi_getpid_sig(void)
{
	return (int)rshi_syscall(__NR_getpid, 0, 0, 0, 0, 0, 0);
}

int rshi_gettid_sig(void)
{
	return (int)rshi_syscall(__NR_gettid, 0, 0, 0, 0, 0, 0);
}

int rshi_tgkill_sig(int pid, int tid, int signo)
{
	return error_of(rshi_syscall(__NR_tgkill, pid, tid, signo, 0, 0, 0));
}

int rshi_timer_create_sig(int clock, int tid, int signo, uintptr_t value, int *id)
{
	struct sigevent event;

	event.sigev_value.sival_ptr = (void *)value;
	event.sigev_signo = signo;
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_notify_thread_id = tid;
	return error_of(rshi_syscall(__NR_timer_create, clock, (long)&event, (long)id, 0, 0, 0));
}

int rshi_timer_settime_sig(int id, uint64_t first, uint64_t period)
{
	struct __kernel_itimerspec spec;

	split(first, &spec.it_value);
	split(period, &spec.it_interval);
	return error_of(rshi_syscall(__NR_timer_settime, id, 0, (long)&spec, 0, 0, 0));
}

int rshi_timer_delete_sig(int id)
{
	return error_of(rshi_syscall(__NR_timer_delete, id, 0, 0, 0, 0, 0));
}

int rshi_futex_wait_sig(const uint32_t *word, uint32_t expected, uint64_t timeout)
{
	struct __kernel_timespec limit;

	split(timeout, &limit);
	return error_of(rshi_syscall(__NR_futex, (long)word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
	                             (long)expected, timeout ? (long)&limit : 0, 0, 0));
}

int rshi_futex_wake_sig(const uint32_t *word, int n, int *woken)
{
	long result =
	        rshi_syscall(__NR_futex, (long)word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, 0, 0, 0);
	int err = error_of(result);

	if (!err && woken)
		*woken = (int)result;
	return err;
}

int rshi_mmap_sig(size_t size, void **p)
{
	long result = rshi_syscall(__NR_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
	                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err = error_of(result);

	if (!err)
		*p = (void *)result;
	return err;
}

int rshi_munmap_sig(void *p, size_t size)
{
	return error_of(rshi_syscall(__NR_munmap, (long)p, (long)size, 0, 0, 0, 0));
}

int rshi_mremap_sig(void **p, size_t size, size_t new_size)
{
	long result = rshi_syscall(__NR_mremap, (long)*p, (long)size, (long)new_size,
	                           MREMAP_MAYMOVE, 0, 0);
	int err = error_of(result);

	if (!err)
		*p = (void *)result;
	return err;
}

/* The kernel reads the set before it finds that there is no such operation to make with it. */
int rshi_readable_sig(const void *p)
{
	int err =
	        error_of(rshi_syscall(__NR_rt_sigprocmask, -1, (long)p, 0, sizeof(uint64_t), 0, 0));

	return err == EINVAL ? 0 : EFAULT;
}

int rshi_fetch_sig(void *to, const void *from, size_t n)
{
	struct iovec here, there;
	long copied;

	here.iov_base = to;
	here.iov_len = n;
	there.iov_base = (void *)(uintptr_t)from;
	there.iov_len = n;
	/* By the thread's id: the process has no memory by its own when its first thread has ended. */
	copied = rshi_syscall(__NR_process_vm_readv, rshi_gettid_sig(), (long)&here, 1,
	                      (long)&there, 1, 0);
	return copied == (long)n ? 0 : EFAULT;
}

int rshi_peek_sig(const void *p, uintptr_t *value)
{
	return rshi_fetch_sig(value, p, sizeof(*value));
}
