/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_INTERN_H
#define RSH_CORE_INTERN_H

/*
 * Rows of bytes, each kept once, known by the numbers 0, 1, 2, ... in the order in which they came.
 * For one thread at a time, outside handlers. A table of zeros is an empty one; budgets are set in
 * its arrays.
 */

#include <stddef.h>
#include <stdint.h>

#include "grow.h"

struct rshi_intern {
	struct rshi_grow bytes;
	struct rshi_grow rows;
	struct rshi_grow slots; /* numbers, plus 1, by hash */
	uint32_t n;
};

void rshi_intern_init(struct rshi_intern *table, struct rshi_budget *budget);
void rshi_intern_free(struct rshi_intern *table);

/*
 * The number of these @n bytes, which are kept if they are new: then it is what table->n was.
 * ENOMEM, and nothing is kept.
 */
int rshi_intern(struct rshi_intern *table, const void *bytes, size_t n, uint32_t *number);

/* The number of these bytes, or ENOENT. */
int rshi_intern_find(const struct rshi_intern *table, const void *bytes, size_t n,
                     uint32_t *number);

/* A row, at an address that is a multiple of 8 and stays right until the next one is kept. */
const void *rshi_interned(const struct rshi_intern *table, uint32_t number, size_t *n);

#endif /* RSH_CORE_INTERN_H */
