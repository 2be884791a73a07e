/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_UNWIND_ROWS_H
#define RSH_CORE_UNWIND_ROWS_H

/*
 * Rows of unwind tables that have been found before, for all threads.
 *
 * Nearly all rows say the same: the caller's stack pointer is a register plus a constant, the
 * return address is below it, and of the six registers that a function preserves some are a few
 * words further down. Those are kept, in three words; others are found anew each time.
 *
 * A row is kept under its pc and the tag of the object that it is in, so one of an unloaded object
 * is not found again for another at the same address. Every entry is a sequence lock on its own;
 * whoever finds it taken, in a handler that has interrupted its owner, does without.
 */

#include <stdint.h>

#define RSHI_KEPT_BITS 12

struct rshi_kept_row {
	uint64_t pc;
	uint64_t saved; /* six bytes: words below the CFA, or 0; CFA register; RSHI_KEPT_ROOT */
	uint64_t cfa;   /* offset from that register; the tag in the high half */
};

#define RSHI_KEPT_ROOT      (UINT64_C(1) << 63)
#define RSHI_KEPT_SAVED     ((UINT64_C(1) << 48) - 1)
#define RSHI_KEPT_CFA_SHIFT 48

/* Atomic; 32 bytes, so two of them, which a pc may be in, share a line. */
struct rshi_kept_slot {
	uint64_t version; /* odd while being written */
	struct rshi_kept_row row;
};

extern struct rshi_kept_slot rshi_kept[1 << RSHI_KEPT_BITS];

static inline struct rshi_kept_slot *rshi_kept_slot_sig(uintptr_t pc, uint32_t tag)
{
	return &rshi_kept[((pc ^ tag) * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - RSHI_KEPT_BITS)];
}

/* Find the row of @pc in the object with this tag; returns whether there is one. */
static inline int rshi_row_recall_sig(uintptr_t pc, uint32_t tag, struct rshi_kept_row *row)
{
	const struct rshi_kept_slot *slot = rshi_kept_slot_sig(pc, tag);

	for (int way = 0; way < 2; way++) {
		const struct rshi_kept_slot *s = &rshi_kept[(slot - rshi_kept) ^ way];
		/* [K1] acquire, pairs with [K2]: the words are at least as new as this version. */
		uint64_t version = __atomic_load_n(&s->version, __ATOMIC_ACQUIRE);

		/* [K3] acquire, pairs with [K4]: words of a newer row show in the version below. */
		row->pc = __atomic_load_n(&s->row.pc, __ATOMIC_ACQUIRE);
		row->saved = __atomic_load_n(&s->row.saved, __ATOMIC_ACQUIRE);
		row->cfa = __atomic_load_n(&s->row.cfa, __ATOMIC_ACQUIRE);
		if (row->pc == pc && row->cfa >> 32 == tag && version % 2 == 0 &&
		    __atomic_load_n(&s->version, __ATOMIC_RELAXED) == version)
			return 1;
	}
	return 0;
}

/* Keep a row for later walks, instead of another one if need be. */
void rshi_row_keep_sig(const struct rshi_kept_row *row);

#endif /* RSH_CORE_UNWIND_ROWS_H */
