/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_SYSCALL_H
#define RSH_CORE_SYSCALL_H

/* System calls and the return from a signal handler on x86-64 Linux. Included once. */

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

/*
 * Where a handler returns to. The kernel insists on one of ours here, and unwinders and debuggers
 * know a signal frame by exactly these instructions; the nop keeps the pc before them, where they
 * look a return address up, out of the function above.
 */
#define RSHI_RESTORER (&rshi_restorer)
extern void rshi_restorer(void) __attribute__((visibility("hidden")));

__asm__(".pushsection .text\n"
        ".hidden rshi_restorer\n"
        ".globl rshi_restorer\n"
        ".type rshi_restorer, @function\n"
        "nop\n"
        "rshi_restorer:\n"
        "movq $15, %rax\n" /* rt_sigreturn */
        "syscall\n"
        ".size rshi_restorer, . - rshi_restorer\n"
        ".popsection\n");

#endif /* RSH_CORE_SYSCALL_H */
