/* SPDX-License-Identifier: BSD-2-Clause */
#include <asm/unistd.h>
#include <linux/sched.h>
#include <linux/signal.h>

#include "core/sys.h"
#include "threads_sig.h"

static _Alignas(16) char stack[65536];
static uint32_t is_over; /* atomic */
static uint32_t alive;   /* atomic: cleared by the kernel when the thread is gone */
static volatile unsigned int turns;

void send_sig(unsigned int n)
{
	int pid = rshi_getpid_sig(), tid = rshi_gettid_sig();

	for (unsigned int i = 0; i < n; i++)
		rshi_tgkill_sig(pid, tid, SIGPROF);
}

/* The caller's frames are not on the new stack, so this must not return. */
__attribute__((noinline, used)) static void be_busy(void)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		turns++;
	rshi_call_sig(__NR_exit, 0, 0, 0, 0, 0);
	__builtin_unreachable();
}

#if defined(__x86_64__)
static long raw_clone(unsigned long flags, void *top, uint32_t *tid)
{
	register uint32_t *r10 __asm__("r10") = tid;
	long result;

	__asm__ volatile("syscall\n"
	                 "test %%rax, %%rax\n"
	                 "jnz 1f\n"
	                 "xor %%ebp, %%ebp\n"
	                 "call %P[busy]\n"
	                 "1:\n"
	                 : "=a"(result)
	                 : "a"(__NR_clone), "D"(flags), "S"(top), "d"(0),
	                   "r"(r10), [busy] "i"(be_busy)
	                 : "rcx", "r11", "memory");
	return result;
}
#else
static long raw_clone(unsigned long flags, void *top, uint32_t *tid)
{
	(void)flags;
	(void)top;
	(void)tid;
	return -38; /* ENOSYS */
}
#endif

int clone_start_sig(void)
{
	__atomic_store_n(&is_over, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&alive, 1, __ATOMIC_RELAXED);
	return (int)raw_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
	                              CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
	                      stack + sizeof(stack), &alive);
}

void clone_end_sig(void)
{
	__atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
	/* The kernel's wake is not private to the process, so look again by the clock. */
	while (__atomic_load_n(&alive, __ATOMIC_RELAXED))
		rshi_futex_wait_sig(&alive, 1, 1000000);
}
