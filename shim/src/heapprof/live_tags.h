/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_LIVE_TAGS_H
#define RSH_HEAPPROF_LIVE_TAGS_H

/* The tags of a bucket's objects. */

#include <stdint.h>

#define RSHI_LIVE_TAGS 7

struct rshi_live_tags {
	_Alignas(16) uint16_t tag[RSHI_LIVE_TAGS]; /* 0: free */
	uint16_t
	        passed; /* objects that are behind this bucket, since it was full; a maximum stays */
};

#define RSHI_LIVE_TAGS_MASK 0x1555u /* a bit of each two */

#if defined(__SSE2__)
#include "live_tags_sse2.h"
#else
#include "live_tags_generic.h"
#endif

/* The first of those that rshi_live_tags_find() has found, which are two bits each. */
static inline unsigned int rshi_live_tags_first(uint32_t found)
{
	return (unsigned int)__builtin_ctz(found) / 2;
}

static inline void rshi_live_tags_pass(struct rshi_live_tags *tags)
{
	if (tags->passed < UINT16_MAX)
		tags->passed++;
}

static inline void rshi_live_tags_pass_no_more(struct rshi_live_tags *tags)
{
	if (tags->passed < UINT16_MAX)
		tags->passed--;
}

#endif /* RSH_HEAPPROF_LIVE_TAGS_H */
