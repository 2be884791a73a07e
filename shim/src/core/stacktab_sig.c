/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks, each kept once: a hash table that only grows, and memory that is only taken. */

#include <linux/errno.h>

#include "stacktab.h"
#include "sys.h"

static uint32_t hash_of(unsigned int kind, unsigned int flags, const uintptr_t *pcs, size_t n)
{
	uint64_t h = (uint64_t)kind << 8 | flags;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ pcs[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (uint32_t)(h >> 32 ^ h);
}

static int is_same(const struct rshi_stack_record *r, const struct rshi_stack_record *wanted)
{
	if (r->hash != wanted->hash || r->n != wanted->n || r->kind != wanted->kind ||
	    r->flags != wanted->flags)
		return 0;
	for (size_t i = 0; i < r->n; i++) {
		if (r->pcs[i] != wanted->pcs[i])
			return 0;
	}
	return 1;
}

/* Look in a row from @r on, up to @end, which has been looked at. */
static struct rshi_stack_record *look(struct rshi_stack_record *r,
                                      const struct rshi_stack_record *end,
                                      const struct rshi_stack_record *wanted)
{
	for (; r != end; r = r->next) {
		if (is_same(r, wanted))
			return r;
	}
	return NULL;
}

/* The memory of a chunk, which whoever comes first maps. */
static unsigned char *chunk_of(struct rshi_stacktab *table, uint64_t start)
{
	unsigned char **chunk = &table->chunks[start / RSHI_STACK_CHUNK];
	/* Relaxed: the kernel's zeros are there for whoever has the address. */
	unsigned char *p = __atomic_load_n(chunk, __ATOMIC_RELAXED), *seen = NULL;
	void *mine;

	if (p)
		return p;
	if (rshi_mmap_sig(RSHI_STACK_CHUNK, &mine))
		return NULL;
	if (__atomic_compare_exchange_n(chunk, &seen, mine, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return mine;
	rshi_munmap_sig(mine, RSHI_STACK_CHUNK);
	return seen;
}

/* Take @size bytes, a multiple of 8; where they start goes to *@start. NULL: there are none. */
static void *take(struct rshi_stacktab *table, size_t size, uint64_t *start)
{
	uint64_t used = __atomic_load_n(&table->used, __ATOMIC_RELAXED);
	unsigned char *chunk;

	do {
		uint64_t left = RSHI_STACK_CHUNK - used % RSHI_STACK_CHUNK;

		*start = size <= left ? used : used + left;
		if (*start + size > table->limit)
			return NULL;
		chunk = chunk_of(table, *start);
		if (!chunk)
			return NULL;
	} while (!__atomic_compare_exchange_n(&table->used, &used, *start + size, 0,
	                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return chunk + *start % RSHI_STACK_CHUNK;
}

/* Nobody has seen these bytes; they are the table's again if nobody has taken any since. */
static void give_back(struct rshi_stacktab *table, uint64_t start, size_t size)
{
	uint64_t used = start + size;

	(void)__atomic_compare_exchange_n(&table->used, &used, start, 0, __ATOMIC_RELAXED,
	                                  __ATOMIC_RELAXED);
}

static void fill(struct rshi_stack_record *r, const struct rshi_stack_record *wanted, size_t words)
{
	uintptr_t *pcs = (uintptr_t *)(r->values + words);

	r->pcs = pcs;
	r->hash = wanted->hash;
	r->n = wanted->n;
	r->kind = wanted->kind;
	r->flags = wanted->flags;
	/* By hand: no compiler makes a call of it. */
	for (size_t i = 0; i < words; i++) {
		r->values[i] = 0;
		__asm__ volatile("" ::: "memory");
	}
	for (size_t i = 0; i < wanted->n; i++) {
		pcs[i] = wanted->pcs[i];
		__asm__ volatile("" ::: "memory");
	}
}

int rshi_stacktab_open_sig(struct rshi_stacktab *table, size_t words, size_t limit)
{
	size_t rows = RSHI_STACK_ROWS * sizeof(*table->rows);
	size_t record = sizeof(struct rshi_stack_record) + words * sizeof(uint64_t);
	unsigned char *p;
	void *mapped;

	if (__atomic_load_n(&table->rows, __ATOMIC_RELAXED))
		return 0;
	/* The kernel's zeros: empty rows, and overflows without pcs and with zeros. */
	if (rshi_mmap_sig(rows + RSHI_STACK_KINDS * record, &mapped))
		return ENOMEM;
	p = mapped;
	for (unsigned int kind = 0; kind < RSHI_STACK_KINDS; kind++) {
		struct rshi_stack_record *r = (void *)(p + rows + kind * record);

		r->pcs = (const uintptr_t *)(r->values + words);
		r->kind = (uint8_t)kind;
		r->flags = RSHI_STACK_OVERFLOW | RSHI_STACK_CUT;
		table->overflow[kind] = r;
	}
	table->words = words;
	table->limit = limit < RSHI_STACK_CHUNK * RSHI_STACK_CHUNKS
	                       ? limit
	                       : RSHI_STACK_CHUNK * RSHI_STACK_CHUNKS;
	/* [ST3] release, pairs with [ST4] and [ST6]: to readers that ask whether it is open. */
	__atomic_store_n(&table->rows, mapped, __ATOMIC_RELEASE);
	return 0;
}

struct rshi_stack_record *rshi_stacktab_find_sig(struct rshi_stacktab *table, unsigned int kind,
                                                 unsigned int flags, const uintptr_t *pcs, size_t n)
{
	/* Relaxed: who calls this has learnt from somebody that the table is open. */
	struct rshi_stack_record **rows = __atomic_load_n(&table->rows, __ATOMIC_RELAXED);
	struct rshi_stack_record wanted, **row, *first, *found, *end = NULL, *made;
	size_t size = sizeof(*made) + (table->words + n) * sizeof(uint64_t);
	uint64_t start;

	wanted.hash = hash_of(kind, flags, pcs, n);
	wanted.pcs = pcs;
	wanted.n = (uint16_t)n;
	wanted.kind = (uint8_t)kind;
	wanted.flags = (uint8_t)flags;
	row = &rows[wanted.hash % RSHI_STACK_ROWS];
	/* [ST1] acquire, pairs with [ST2]: the records of the row are complete. */
	first = __atomic_load_n(row, __ATOMIC_ACQUIRE);
	found = look(first, NULL, &wanted);
	if (found)
		return found;
	made = take(table, size, &start);
	if (!made)
		return table->overflow[kind];
	fill(made, &wanted, table->words);
	made->number = __atomic_fetch_add(&table->n[kind], 1, __ATOMIC_RELAXED);
	do {
		/* Others may have put it in. */
		found = look(first, end, &wanted);
		if (found) {
			give_back(table, start, size);
			return found;
		}
		end = first;
		made->next = first;
		/* [ST2] release, pairs with [ST1] and [ST5]: the record; a failure acquires as [ST1]. */
	} while (!__atomic_compare_exchange_n(row, &first, made, 0, __ATOMIC_RELEASE,
	                                      __ATOMIC_ACQUIRE));
	return made;
}

uint32_t rshi_stacktab_count_sig(const struct rshi_stacktab *table, unsigned int kind)
{
	return __atomic_load_n(&table->n[kind], __ATOMIC_RELAXED);
}

struct rshi_stack_record *rshi_stacktab_next_sig(const struct rshi_stacktab *table,
                                                 unsigned int kind,
                                                 struct rshi_stack_cursor *cursor)
{
	/* [ST4] acquire, pairs with [ST3]: the table is ready. */
	struct rshi_stack_record **rows = __atomic_load_n(&table->rows, __ATOMIC_ACQUIRE);
	struct rshi_stack_record *r = cursor->record;

	if (!rows)
		return NULL;
	if (r)
		r = r->next;
	for (;;) {
		for (; r; r = r->next) {
			if (r->kind == kind) {
				cursor->record = r;
				return r;
			}
		}
		if (cursor->row == RSHI_STACK_ROWS)
			break;
		/* [ST5] acquire, pairs with [ST2]: the records of the row are complete. */
		r = __atomic_load_n(&rows[cursor->row++], __ATOMIC_ACQUIRE);
	}
	cursor->record = NULL;
	return NULL;
}
