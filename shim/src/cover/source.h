/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine of clang's source-based coverage. Included by source.c, for ordinary code, and by
 * source_sig.c, for handlers, which say what ENGINE and LAYOUT are.
 *
 * Each function's counters are where its record says, usually one function's behind the other's in
 * the order of the records: then the sweep is one loop over the whole section. A copy has the
 * counters of all functions as 64-bit numbers in the order of the records, then all bitmap bytes.
 */

#include "unit.h"

/* Counters, or bitmap bytes, that stand side by side. */
struct source_run {
	const void *at;
	uint64_t n;
};

/* u->layout: for each function, how many it has. */
struct source_layout {
	uint64_t functions;
	uint64_t counters;
	uint64_t bitmap;
	uint32_t of[][2]; /* counters, bitmap bytes */
};

/* u->live_layout: where they are, while the unit is loaded. */
struct source_places {
	size_t counter_runs;
	size_t bitmap_runs;
	struct source_run *bitmaps;
	struct source_run counters[];
};

#define NOT_REACHED 0xff /* of a single-byte counter; 0 is reached */

static inline uint64_t sweep_bytes(const unsigned char *from, uint64_t *to, uint64_t n, int clear)
{
	for (uint64_t i = 0; i < n; i++) {
		unsigned char byte = clear ? __atomic_exchange_n((unsigned char *)&from[i],
		                                                 NOT_REACHED, __ATOMIC_RELAXED)
		                           : __atomic_load_n(&from[i], __ATOMIC_RELAXED);

		to[i] = byte == 0;
	}
	return n;
}

static inline uint64_t sweep_words(const uint64_t *from, uint64_t *to, uint64_t n, int clear)
{
	if (!clear) {
		for (uint64_t i = 0; i < n; i++)
			to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
		return n;
	}
	/* Most are zero: those are only looked at. */
	for (uint64_t i = 0; i < n; i++) {
		uint64_t v = __atomic_load_n(&from[i], __ATOMIC_RELAXED);

		to[i] = v ? __atomic_exchange_n((uint64_t *)&from[i], 0, __ATOMIC_RELAXED) : 0;
	}
	return n;
}

static void source_sweep(const struct rshi_unit *u, void *copy, int clear)
{
	const struct source_places *p = u->live_layout;
	uint64_t *to = copy;
	unsigned char *bits;

	for (size_t i = 0; i < p->counter_runs; i++) {
		const struct source_run *run = &p->counters[i];

		to += u->counter_size == 1 ? sweep_bytes(run->at, to, run->n, clear)
		                           : sweep_words(run->at, to, run->n, clear);
	}
	bits = (unsigned char *)to;
	for (size_t i = 0; i < p->bitmap_runs; i++) {
		const unsigned char *from = p->bitmaps[i].at;

		for (uint64_t k = 0; k < p->bitmaps[i].n; k++)
			*bits++ = clear ? __atomic_exchange_n((unsigned char *)&from[k], 0,
			                                      __ATOMIC_RELAXED)
			                : __atomic_load_n(&from[k], __ATOMIC_RELAXED);
	}
}

static void source_clear(const struct rshi_unit *u)
{
	const struct source_places *p = u->live_layout;

	for (size_t i = 0; i < p->counter_runs; i++) {
		uint64_t n = p->counters[i].n;
		unsigned char *bytes = (unsigned char *)p->counters[i].at;
		uint64_t *words = (uint64_t *)p->counters[i].at;

		/* Pages that count nothing stay shared between the processes of a fork. */
		for (uint64_t k = 0; k < n; k++) {
			if (u->counter_size == 1) {
				if (__atomic_load_n(&bytes[k], __ATOMIC_RELAXED) != NOT_REACHED)
					__atomic_store_n(&bytes[k], NOT_REACHED, __ATOMIC_RELAXED);
			} else if (__atomic_load_n(&words[k], __ATOMIC_RELAXED)) {
				__atomic_store_n(&words[k], 0, __ATOMIC_RELAXED);
			}
		}
	}
	for (size_t i = 0; i < p->bitmap_runs; i++) {
		unsigned char *bits = (unsigned char *)p->bitmaps[i].at;

		for (uint64_t k = 0; k < p->bitmaps[i].n; k++)
			if (__atomic_load_n(&bits[k], __ATOMIC_RELAXED))
				__atomic_store_n(&bits[k], 0, __ATOMIC_RELAXED);
	}
}

static void source_fold(const struct rshi_unit *u, void *into, const void *from)
{
	const struct source_layout *l = u->layout;
	const uint64_t *b = from;
	uint64_t *a = into;
	const unsigned char *from_bits = (const unsigned char *)(b + l->counters);
	unsigned char *bits = (unsigned char *)(a + l->counters);

	for (uint64_t i = 0; i < l->counters; i++) {
		uint64_t sum = a[i] + b[i];

		if (u->counter_size == 1)
			a[i] |= b[i];
		else
			a[i] = sum < b[i] ? UINT64_MAX : sum;
	}
	for (uint64_t i = 0; i < l->bitmap; i++)
		bits[i] |= from_bits[i];
}

/* Does one of a function's counters or bitmap bytes say that it ran? */
static inline int source_is_live(const uint64_t *counters, uint32_t n, const unsigned char *bits,
                                 uint32_t m)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < n; i++)
		any |= counters[i];
	for (uint32_t i = 0; i < m; i++)
		any |= bits[i];
	return any != 0;
}

static uint64_t source_records(const struct rshi_unit *u, const void *copy, struct rshi_sink *s)
{
	const struct source_layout *l = u->layout;
	const uint64_t *counters = copy;
	const unsigned char *bits = (const unsigned char *)(counters + l->counters);
	uint64_t records = 0, gap = 0;

	for (uint64_t f = 0; f < l->functions; f++) {
		uint32_t n = l->of[f][0], m = l->of[f][1];

		if (source_is_live(counters, n, bits, m)) {
			rshi_put_var(s, gap);
			/*
			 * Set mode too keeps the counts: a region without a counter of its own
			 * is a difference of others', and of ones it would come out as 0.
			 */
			for (uint32_t i = 0; i < n; i++)
				rshi_put_var(s, counters[i]);
			rshi_put_bytes(s, bits, m);
			records++;
			gap = 0;
		} else {
			gap++;
		}
		counters += n;
		bits += m;
	}
	return records;
}

static uint64_t source_live(const struct rshi_unit *u, const void *copy)
{
	const struct source_layout *l = u->layout;
	const uint64_t *counters = copy;
	const unsigned char *bits = (const unsigned char *)(counters + l->counters);
	uint64_t live = 0;

	for (uint64_t f = 0; f < l->functions; f++) {
		live += (uint64_t)source_is_live(counters, l->of[f][0], bits, l->of[f][1]);
		counters += l->of[f][0];
		bits += l->of[f][1];
	}
	return live;
}

static inline uint64_t source_field64(const unsigned char *record, uint16_t at)
{
	uint64_t v;

	rsh_memcpy_sig(&v, record + at, sizeof(v));
	return v;
}

static inline uint32_t source_field32(const unsigned char *record, uint16_t at)
{
	uint32_t v;

	rsh_memcpy_sig(&v, record + at, sizeof(v));
	return v;
}

static void source_identity(const struct rshi_unit *u, struct rshi_sink *s)
{
	const struct rsh_cover_unit *r = u->live;
	const struct source_layout *l = u->layout;
	const unsigned char *record = r->data[0];
	size_t names = (size_t)((const char *)r->names[1] - (const char *)r->names[0]);

	rshi_put_var(s, r->raw_version);
	rshi_put_var(s, r->counter_size);
	rshi_put_var(s, l->functions);
	for (uint64_t f = 0; f < l->functions; f++, record += r->record_size) {
		rshi_put_u64(s, source_field64(record, r->name_ref));
		rshi_put_u64(s, source_field64(record, r->func_hash));
		rshi_put_var(s, l->of[f][0]);
		rshi_put_var(s, l->of[f][1]);
	}
	rshi_put_var(s, names);
	rshi_put_bytes(s, r->names[0], names);
}

static const struct rshi_cover_engine engine = {
        .layout = LAYOUT,
        .sweep = source_sweep,
        .clear = source_clear,
        .fold = source_fold,
        .identity = source_identity,
        .records = source_records,
        .live = source_live,
};
