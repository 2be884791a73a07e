/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_SYSCALL_H
#define RSH_CORE_SYSCALL_H

/* System calls and the return from a signal handler on x86-64 Linux. */

static inline long rshi_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result = number;

	__asm__ volatile("syscall"
	                 : "+a"(result)
	                 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return result;
}

#endif /* RSH_CORE_SYSCALL_H */
