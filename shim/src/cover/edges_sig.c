/* SPDX-License-Identifier: BSD-2-Clause */
/* The engines of edges: reading, clearing and encoding. */

#include "edges.h"
#include "edges_slabs.h"

static inline int counts(const struct rshi_unit *u)
{
	return u->engine == RSH_COVER_EDGE_COUNTS;
}

static inline const struct rsh_cover_slabs *slabs_of(const struct rshi_unit *u)
{
	return &((const struct rsh_cover_edges *)u->live)->slabs;
}

/*
 * Flags are set by instrumented code that looks at them first; an edge that was taken before the
 * exchange is in the copy, one that is taken behind it is set again.
 */
static void sweep_flags(const struct rsh_cover_unit *r, unsigned char *copy, uint64_t n, int clear)
{
	unsigned char *bytes = (unsigned char *)r->counters[0];
	uint32_t *words = (uint32_t *)r->counters[0];

	for (uint64_t i = 0; i < n; i++) {
		uint32_t v = r->counter_size == 1 ? __atomic_load_n(&bytes[i], __ATOMIC_RELAXED)
		                                  : __atomic_load_n(&words[i], __ATOMIC_RELAXED);

		/* Most are zero, and pages of zeros stay shared between the processes of a fork. */
		if (v && clear && r->counter_size == 1)
			__atomic_store_n(&bytes[i], 0, __ATOMIC_RELAXED);
		else if (v && clear)
			__atomic_store_n(&words[i], 0, __ATOMIC_RELAXED);
		if (copy)
			copy[i] = v != 0;
	}
}

/* Counts since the last clear. Nothing that a thread writes to is written to. */
static void sweep_counts(const struct rshi_unit *u, uint64_t *copy, int clear)
{
	uint64_t *base = u->live_layout;

	rshi_slabs_read_sig(slabs_of(u), copy);
	for (uint64_t i = 0; i < u->counters; i++) {
		uint64_t total = copy[i];

		copy[i] = total - base[i];
		if (clear && copy[i])
			base[i] = total;
	}
}

void rshi_edges_sweep_sig(const struct rshi_unit *u, void *copy, int clear)
{
	if (counts(u))
		sweep_counts(u, copy, clear);
	else
		sweep_flags(u->live, copy, u->counters, clear);
}

void rshi_edges_clear_sig(const struct rshi_unit *u)
{
	if (counts(u))
		rshi_slabs_read_sig(slabs_of(u), u->live_layout);
	else
		sweep_flags(u->live, NULL, u->counters, 1);
}

void rshi_edges_fold_sig(const struct rshi_unit *u, void *into, const void *from)
{
	const unsigned char *from_flags = from;
	const uint64_t *from_counts = from;
	unsigned char *flags = into;
	uint64_t *sums = into;

	for (uint64_t i = 0; i < u->counters; i++) {
		if (counts(u)) {
			uint64_t sum = sums[i] + from_counts[i];

			sums[i] = sum < from_counts[i] ? UINT64_MAX : sum;
		} else {
			flags[i] |= from_flags[i];
		}
	}
}

static inline uint64_t element(const struct rshi_unit *u, const void *copy, uint64_t i)
{
	return counts(u) ? ((const uint64_t *)copy)[i] : ((const unsigned char *)copy)[i];
}

uint64_t rshi_edges_records_sig(const struct rshi_unit *u, const void *copy, struct rshi_sink *s)
{
	uint64_t records = 0, gap = 0;

	for (uint64_t i = 0; i < u->counters; i++) {
		uint64_t v = element(u, copy, i);

		if (!v) {
			gap++;
			continue;
		}
		rshi_put_var(s, gap);
		if (counts(u))
			rshi_put_var(s, v);
		records++;
		gap = 0;
	}
	return records;
}

uint64_t rshi_edges_live_sig(const struct rshi_unit *u, const void *copy)
{
	const struct rshi_edges_layout *l = u->layout;
	uint64_t live = 0;
	int counted = 0; /* the function that edge i belongs to */

	for (uint64_t i = 0; i < u->counters; i++) {
		if (l->entries[i / 64] >> (i % 64) & 1)
			counted = 0;
		if (!counted && element(u, copy, i)) {
			counted = 1;
			live++;
		}
	}
	return live;
}
