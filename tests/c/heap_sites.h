/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_HEAP_SITES_H
#define RSH_TESTS_HEAP_SITES_H

/* The heap profile as the tests ask it: what was counted under a function of theirs. */

#include <stdint.h>

#include <raceshim/heapprof.h>

#include "check.h"

#define SITES 20000

/* What @function is in the stack of, summed up; its code is taken to be 4000 bytes at most. */
static inline struct rsh_heap_record heap_under(void *function)
{
	static struct rsh_heap_record records[SITES];
	struct rsh_heap_record sum = {0};
	size_t got = 0;

	CHECK_EQ(rsh_heapprof_read(records, SITES, &got), 0);
	for (size_t i = 0; i < got; i++) {
		const struct rsh_heap_record *r = &records[i];

		CHECK(r->alloc_objects >= r->free_objects && r->alloc_bytes >= r->free_bytes);
		for (uint32_t k = 0; k < r->n; k++) {
			if (r->pcs[k] - (uintptr_t)function - 1 >= 4000)
				continue;
			sum.alloc_objects += r->alloc_objects;
			sum.alloc_bytes += r->alloc_bytes;
			sum.free_objects += r->free_objects;
			sum.free_bytes += r->free_bytes;
			sum.n++;
			sum.flags += k != 0; /* records whose leaf is in what it calls */
			break;
		}
	}
	return sum;
}

/* Exactly these numbers. */
#define CHECK_SITE(function, objects, bytes, freed, freed_bytes)                                   \
	do {                                                                                       \
		struct rsh_heap_record sum_ = heap_under((void *)(uintptr_t)(function));           \
                                                                                                   \
		CHECK_EQ(sum_.alloc_objects, objects);                                             \
		CHECK_EQ(sum_.alloc_bytes, bytes);                                                 \
		CHECK_EQ(sum_.free_objects, freed);                                                \
		CHECK_EQ(sum_.free_bytes, freed_bytes);                                            \
	} while (0)

#endif /* RSH_TESTS_HEAP_SITES_H */
