/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeping a row. */

#include "unwind_rows.h"

_Alignas(64) struct rshi_kept_slot rshi_kept[1 << RSHI_KEPT_BITS];

void rshi_row_keep_sig(const struct rshi_kept_row *row)
{
	struct rshi_kept_slot *s = rshi_kept_slot_sig(row->pc, (uint32_t)(row->cfa >> 32));
	uint64_t version;

	/* An empty one of the two, or either, as the pc has it. */
	if (__atomic_load_n(&s->row.pc, __ATOMIC_RELAXED)) {
		struct rshi_kept_slot *other = &rshi_kept[(s - rshi_kept) ^ 1];

		if (!__atomic_load_n(&other->row.pc, __ATOMIC_RELAXED) || row->pc >> 4 & 1)
			s = other;
	}
	version = __atomic_load_n(&s->version, __ATOMIC_RELAXED);
	if (version % 2 || !__atomic_compare_exchange_n(&s->version, &version, version + 1, 0,
	                                                __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	/* [K4] release, pairs with [K3]: the odd version is visible before any of these. */
	__atomic_store_n(&s->row.pc, row->pc, __ATOMIC_RELEASE);
	__atomic_store_n(&s->row.saved, row->saved, __ATOMIC_RELEASE);
	__atomic_store_n(&s->row.cfa, row->cfa, __ATOMIC_RELEASE);
	/* [K2] release, pairs with [K1]: the row is complete. */
	__atomic_store_n(&s->version, version + 2, __ATOMIC_RELEASE);
}
