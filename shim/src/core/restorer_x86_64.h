/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_RESTORER_H
#define RSH_CORE_RESTORER_H

/* Where a handler returns to on x86_64 Linux. Included once. */

/*
 * The kernel insists on one of ours here, and unwinders and debuggers
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

#endif /* RSH_CORE_RESTORER_H */
