/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine of arrays that the program registers. Included by array.c, for ordinary code, and by
 * array_sig.c, for handlers, which say what LAYOUT and IDENTITY are. A copy has all counters as
 * 64-bit numbers.
 */

#include "array_engine.h"

static inline uint64_t array_load(const struct array *a, uint64_t i)
{
	switch (a->bits) {
	case 8:
		return __atomic_load_n((const uint8_t *)a->counters + i, __ATOMIC_RELAXED);
	case 32:
		return __atomic_load_n((const uint32_t *)a->counters + i, __ATOMIC_RELAXED);
	default:
		return __atomic_load_n((const uint64_t *)a->counters + i, __ATOMIC_RELAXED);
	}
}

static inline uint64_t array_take(const struct array *a, uint64_t i)
{
	switch (a->bits) {
	case 8:
		return __atomic_exchange_n((uint8_t *)a->counters + i, 0, __ATOMIC_RELAXED);
	case 32:
		return __atomic_exchange_n((uint32_t *)a->counters + i, 0, __ATOMIC_RELAXED);
	default:
		return __atomic_exchange_n((uint64_t *)a->counters + i, 0, __ATOMIC_RELAXED);
	}
}

static void array_sweep(const struct rshi_unit *u, void *copy, int clear)
{
	const struct array *a = u->live_layout;
	uint64_t *to = copy;

	for (uint64_t i = 0; i < a->n; i++) {
		to[i] = array_load(a, i);
		if (clear && to[i])
			to[i] = array_take(a, i);
	}
}

static void array_clear(const struct rshi_unit *u)
{
	const struct array *a = u->live_layout;

	for (uint64_t i = 0; i < a->n; i++)
		if (array_load(a, i))
			(void)array_take(a, i);
}

static void array_fold(const struct rshi_unit *u, void *into, const void *from)
{
	const uint64_t *b = from;
	uint64_t *a = into;

	for (uint64_t i = 0; i < u->counters; i++) {
		uint64_t sum = a[i] + b[i];

		if (u->mode == RSH_COVER_SET)
			a[i] |= b[i];
		else
			a[i] = sum < b[i] ? UINT64_MAX : sum;
	}
}

static uint64_t array_records(const struct rshi_unit *u, const void *copy, struct rshi_sink *s)
{
	const uint64_t *counters = copy;
	uint64_t records = 0, gap = 0;

	for (uint64_t i = 0; i < u->counters; i++, gap++) {
		if (!counters[i])
			continue;
		rshi_put_var(s, gap);
		rshi_put_var(s, u->mode == RSH_COVER_SET ? 1 : counters[i]);
		records++;
		gap = UINT64_MAX; /* 0 at the next */
	}
	return records;
}

static uint64_t array_live(const struct rshi_unit *u, const void *copy)
{
	const uint64_t *counters = copy;
	uint64_t live = 0;

	for (uint64_t i = 0; i < u->counters; i++)
		live += counters[i] != 0;
	return live;
}

static const struct rshi_cover_engine engine = {
        .layout = LAYOUT,
        .sweep = array_sweep,
        .clear = array_clear,
        .fold = array_fold,
        .identity = IDENTITY,
        .records = array_records,
        .live = array_live,
};
