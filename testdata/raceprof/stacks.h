/* SPDX-License-Identifier: BSD-2-Clause */
/* Made-up stacks, by a traceback function in code that no detector sees (`uninstrumented: stacks.c`). */
#ifndef STACKS_H
#define STACKS_H

#include <stddef.h>
#include <stdint.h>

/* stacks_number - the calling thread is the one of that number: 1 or 2 */
void stacks_number(unsigned number);

/* stacks_traceback - a rsh_cpuprof_traceback; nothing for threads without a number */
size_t stacks_traceback(void *arg, const void *ucontext, uintptr_t *pcs, size_t max);

/* stacks_whose - the number of the thread with such a stack; 0: a real one, 3: nobody's */
unsigned stacks_whose(const uintptr_t *pcs, size_t n);

#endif
