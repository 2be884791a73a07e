/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of bytes, each kept once. */

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "intern.h"

#define ALIGNMENT   8
#define FIRST_SLOTS 256

/* A word at any address, of any type. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word;

struct row {
	uint64_t at;
	uint32_t n;
	uint32_t hash;
};

static uint32_t hash_of(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t h = n, last = 0;

	for (; n >= sizeof(h); n -= sizeof(h), p += sizeof(h))
		h = ((h << 5 | h >> 59) ^ *(const word *)p) * 0x517cc1b727220a95u;
	for (; n; n--)
		last = last << 8 | *p++;
	h = ((h << 5 | h >> 59) ^ last) * 0x517cc1b727220a95u;
	return (uint32_t)(h >> 32 ^ h);
}

/* The first slot from a hash's own on that is empty or holds the row; never, if @bytes is NULL. */
static uint32_t *find(const struct rshi_intern *table, const struct rshi_grow *in, uint32_t hash,
                      const void *bytes, size_t n)
{
	uint32_t *slots = (uint32_t *)in->p;
	size_t mask = in->used / sizeof(*slots) - 1;
	const struct row *rows = (const struct row *)table->rows.p;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		const struct row *row;

		if (!slots[i])
			return &slots[i];
		row = &rows[slots[i] - 1];
		if (bytes && row->hash == hash && row->n == n &&
		    !rsh_memcmp_sig(table->bytes.p + row->at, bytes, n))
			return &slots[i];
	}
}

/* Slots in a number that is a power of two, and at least half of them empty. */
static int make_slots(struct rshi_intern *table)
{
	size_t n = table->slots.used / sizeof(uint32_t);
	const struct row *rows = (const struct row *)table->rows.p;
	struct rshi_grow slots;
	int err;

	if (table->n < n / 2)
		return 0;
	n = n ? 2 * n : FIRST_SLOTS;
	if (n > UINT32_MAX)
		return ENOMEM;
	slots.p = NULL;
	slots.used = 0;
	slots.size = 0;
	slots.budget = table->slots.budget;
	err = rshi_grow_reserve(&slots, n * sizeof(uint32_t));
	if (err)
		return err;
	slots.used = n * sizeof(uint32_t);
	for (uint32_t i = 0; i < table->n; i++)
		*find(table, &slots, rows[i].hash, NULL, 0) = i + 1;
	rshi_grow_free(&table->slots);
	table->slots.p = slots.p;
	table->slots.used = slots.used;
	table->slots.size = slots.size;
	return 0;
}

void rshi_intern_init(struct rshi_intern *table, struct rshi_budget *budget)
{
	table->bytes.budget = budget;
	table->rows.budget = budget;
	table->slots.budget = budget;
}

void rshi_intern_free(struct rshi_intern *table)
{
	rshi_grow_free(&table->bytes);
	rshi_grow_free(&table->rows);
	rshi_grow_free(&table->slots);
	table->n = 0;
}

int rshi_intern_find(const struct rshi_intern *table, const void *bytes, size_t n, uint32_t *number)
{
	const uint32_t *slot;

	if (!table->n)
		return ENOENT;
	slot = find(table, &table->slots, hash_of(bytes, n), bytes ? bytes : "", n);
	if (!*slot)
		return ENOENT;
	*number = *slot - 1;
	return 0;
}

int rshi_intern(struct rshi_intern *table, const void *bytes, size_t n, uint32_t *number)
{
	size_t room = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct row *row;
	int err;

	if (n > UINT32_MAX - ALIGNMENT)
		return ENOMEM;
	if (!rshi_intern_find(table, bytes, n, number))
		return 0;
	err = make_slots(table);
	if (!err)
		err = rshi_grow_reserve(&table->bytes, room ? room : 1);
	if (!err)
		err = rshi_grow_reserve(&table->rows, sizeof(*row));
	if (err)
		return err;
	row = (struct row *)(table->rows.p + table->rows.used);
	row->at = table->bytes.used;
	row->n = (uint32_t)n;
	row->hash = hash_of(bytes, n);
	rsh_memcpy_sig(table->bytes.p + table->bytes.used, bytes, n);
	table->bytes.used += room;
	table->rows.used += sizeof(*row);
	*number = table->n++;
	*find(table, &table->slots, row->hash, NULL, 0) = *number + 1;
	return 0;
}

const void *rshi_interned(const struct rshi_intern *table, uint32_t number, size_t *n)
{
	const struct row *row = (const struct row *)table->rows.p + number;

	*n = row->n;
	return table->bytes.p + row->at;
}
