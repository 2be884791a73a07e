/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_ALLOCATIONS_H
#define RSH_TESTS_ALLOCATIONS_H

/* Memory that the library takes from the kernel: counted, and refused when a test says so. */

#include <stddef.h>

struct allocations {
	size_t calls;         /* for new or more memory */
	size_t fail_at;       /* refuse this call, if not 0 */
	size_t fail_from;     /* refuse this one and all that follow, if not 0 */
	size_t live;          /* bytes that were not given back */
	void (*during)(void); /* called for new memory, if not NULL */
};

extern struct allocations allocations;

#endif /* RSH_TESTS_ALLOCATIONS_H */
