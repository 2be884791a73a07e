/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_FUNCTIONS_H
#define RSH_CORE_FUNCTIONS_H

/*
 * Which function an address is in: places in the program, each with a number from 0 on, and their
 * names. For one thread at a time, outside handlers; memory comes from the kernel.
 */

#include "grow.h"
#include "intern.h"
#include "mappings.h"

struct rshi_functions {
	struct rshi_budget budget;
	struct rshi_mappings mappings;
	struct rshi_intern places;
	struct rshi_grow wanted;
	uint32_t named; /* so many places have been told of */
};

void rshi_functions_init(struct rshi_functions *f, size_t limit);

/* See what is mapped, now and then. */
void rshi_functions_look(struct rshi_functions *f);

/* The place of an address. ENOENT: no code is there; ENOMEM. */
int rshi_functions_place(struct rshi_functions *f, uintptr_t pc, uint32_t *place);

/*
 * Tell of each place that has not been told of: its function, or where there is no name "[file]". A
 * better name may come later for the same place.
 */
void rshi_functions_name(struct rshi_functions *f,
                         void (*found)(void *arg, uint32_t place, const char *name, size_t n),
                         void *arg);

#endif /* RSH_CORE_FUNCTIONS_H */
