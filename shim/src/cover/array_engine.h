/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_ARRAY_ENGINE_H
#define RSH_COVER_ARRAY_ENGINE_H

#include "unit.h"

/* An array that is registered: what its unit's live_layout is. */
struct array {
	struct rsh_cover_unit unit; /* first, so that one is found by the other */
	struct array *next;
	void *counters;
	uint64_t n;
	unsigned int bits;
	size_t size;          /* of this, identity included */
	size_t identity_size; /* of the bytes behind build id and compiler */
	unsigned char identity[];
};

const struct rshi_cover_engine *rshi_cover_array_sig(void);

/* In a forked child. */
void rshi_cover_array_forked(void);

#endif /* RSH_COVER_ARRAY_ENGINE_H */
