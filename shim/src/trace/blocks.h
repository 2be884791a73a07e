/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_BLOCKS_H
#define RSH_TRACE_BLOCKS_H

/* The blocks of a generation around its batches. All return how many bytes they have written. Async-signal-safe. */

#include <stddef.h>

#include "generations.h"

#define RSHI_TAIL_ROOM 256u /* for losses and tail */

/* How far names have been written; {0, NULL} at first. */
struct rshi_names_cursor {
	uint32_t head;
	const struct rshi_trace_entry *next;
};

size_t rshi_put_header_sig(unsigned char *to, const struct rshi_generation *g);

/* A block of as many names as fit into @room, at least one that there is; 0 if there are no more. */
size_t rshi_put_names_sig(unsigned char *to, size_t room, struct rshi_names_cursor *names);

/* Losses and tail, with @dropped of its events lost on the way to here. */
size_t rshi_put_tail_sig(unsigned char *to, const struct rshi_generation *g, uint8_t flags,
                         uint64_t dropped);

#endif /* RSH_TRACE_BLOCKS_H */
