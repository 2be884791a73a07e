/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_WALKS_H
#define RSH_TESTS_WALKS_H

/* Handlers that walk the stack and leave what they have found, for one thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "core/unwind.h"

struct walk_found {
	uintptr_t pcs[RSHI_UNWIND_MAX];
	struct rshi_stack stack;
	uint32_t runs;
};

extern struct walk_found walk_found;
extern size_t walk_max; /* frames to ask for */

/* Saves the registers of the interrupted thread there too, if not NULL; the size is a ucontext's.
 */
extern void *walk_context;
extern size_t walk_context_size;

void walk_on_signal(int signo, void *siginfo, void *ucontext);

/* The same, after sending the thread @walk_nested, whose handler is to be walk_on_signal. */
extern int walk_nested;
void walk_nested_on_signal(int signo, void *siginfo, void *ucontext);
void walk_nested_on_signal_libc(int signo);

/* For SIGSEGV after the call of a function that is not there: walks, and returns from it. */
void walk_and_return_on_signal(int signo, void *siginfo, void *ucontext);

/* Send the calling thread a signal, past libc. */
void walk_raise(int signo);

#endif /* RSH_TESTS_WALKS_H */
