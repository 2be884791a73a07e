/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_LIVE_TAGS_FIND_H
#define RSH_HEAPPROF_LIVE_TAGS_FIND_H

/* One tag of a bucket after the other, without a branch. Included by live_tags.h. */

/* Which ones are @tag: the bit 2 i is set if the tag i is. */
static inline uint32_t rshi_live_tags_find(const struct rshi_live_tags *tags, uint16_t tag)
{
	uint32_t found = 0;

	for (unsigned int i = 0; i < RSHI_LIVE_TAGS; i++)
		found |= (uint32_t)(tags->tag[i] == tag) << 2 * i;
	return found;
}

#endif /* RSH_HEAPPROF_LIVE_TAGS_FIND_H */
