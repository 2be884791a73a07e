/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_TRACEBACK_H
#define RSH_TESTS_TRACEBACK_H

/* A program's own traceback function, and the stacks that it knows. */

#include <stddef.h>
#include <stdint.h>

#define OWN_DEPTH 200

/* The stack of a thread of an interpreter: innermost last. */
struct own_stack {
	uint32_t depth; /* atomic */
	uintptr_t pcs[OWN_DEPTH];
};

extern __thread struct own_stack own_stack __attribute__((tls_model("initial-exec")));

/* What the function is told, and what it has seen. */
struct own_arg {
	uint32_t calls; /* atomic */
	uint32_t in_it; /* atomic: threads that are in the function */
	uint32_t claim; /* returns so many more than it has found */
	uint32_t wrong; /* atomic: no ucontext, or no room */
	size_t max;     /* atomic: the last one */
};

/* Own stacks, leaf first; nothing for threads that have none. */
size_t own_traceback_sig(void *arg, const void *ucontext, uintptr_t *pcs, size_t max);

#endif /* RSH_TESTS_TRACEBACK_H */
