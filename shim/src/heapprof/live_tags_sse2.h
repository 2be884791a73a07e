/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_LIVE_TAGS_FIND_H
#define RSH_HEAPPROF_LIVE_TAGS_FIND_H

/* All tags of a bucket at once. Included by live_tags.h. */

#include <emmintrin.h>

/* Which ones are @tag: the bit 2 i is set if the tag i is. */
static inline uint32_t rshi_live_tags_find(const struct rshi_live_tags *tags, uint16_t tag)
{
	__m128i all = _mm_load_si128((const __m128i *)tags);
	__m128i same = _mm_cmpeq_epi16(all, _mm_set1_epi16((short)tag));

	return (uint32_t)_mm_movemask_epi8(same) & RSHI_LIVE_TAGS_MASK;
}

#endif /* RSH_HEAPPROF_LIVE_TAGS_FIND_H */
