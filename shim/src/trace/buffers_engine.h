/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_BUFFERS_ENGINE_H
#define RSH_TRACE_BUFFERS_ENGINE_H

/*
 * Buffers: free ones, and those that became full. Lock-free. Compiled into ordinary code, where the
 * visible build sees it, and into handlers.
 */

#include "state.h"

static inline unsigned char *rshi_buffer_memory(const struct rshi_trace_buffers *b, uint32_t buffer)
{
	return b->memory + (size_t)(buffer - 1) * RSHI_TRACE_BUFFER;
}

/* The number of an empty buffer plus 1; 0 if there is none. */
static inline uint32_t rshi_buffer_take(struct rshi_trace_buffers *b)
{
	/* [TB1] acquire, pairs with [TB2]: the buffer is nobody's any more. */
	uint64_t first = __atomic_load_n(&b->free, __ATOMIC_ACQUIRE);
	uint32_t fresh, buffer = 0;

	while (!buffer && (uint32_t)first) {
		/* If somebody else takes it meanwhile, this is nonsense and the exchange fails. */
		uint32_t next =
		        __atomic_load_n(&b->meta[(uint32_t)first - 1].next, __ATOMIC_RELAXED);

		/* [TB1] again, when it has to be tried again. */
		if (__atomic_compare_exchange_n(&b->free, &first, ((first >> 32) + 1) << 32 | next,
		                                0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			buffer = (uint32_t)first;
	}
	fresh = __atomic_load_n(&b->fresh, __ATOMIC_RELAXED);
	while (!buffer && fresh < b->n) {
		if (__atomic_compare_exchange_n(&b->fresh, &fresh, fresh + 1, 0, __ATOMIC_RELAXED,
		                                __ATOMIC_RELAXED))
			buffer = fresh + 1;
	}
	if (buffer)
		__atomic_fetch_add(&b->in_use, 1, __ATOMIC_RELAXED);
	return buffer;
}

static inline void rshi_buffer_give_back(struct rshi_trace_buffers *b, uint32_t buffer)
{
	struct rshi_trace_meta *meta = &b->meta[buffer - 1];
	uint64_t first = __atomic_load_n(&b->free, __ATOMIC_RELAXED);

	meta->used = 0;
	meta->events = 0;
	__atomic_fetch_sub(&b->in_use, 1, __ATOMIC_RELAXED);
	do
		__atomic_store_n(&meta->next, (uint32_t)first, __ATOMIC_RELAXED);
	/* [TB2] release, pairs with [TB1]: who had the buffer is done with it. */
	while (!__atomic_compare_exchange_n(&b->free, &first, ((first >> 32) + 1) << 32 | buffer, 0,
	                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* A buffer of @generation is full. */
static inline void rshi_buffer_push(struct rshi_trace_buffers *b, uint64_t generation,
                                    uint32_t buffer)
{
	uint32_t *full = &b->full[generation & 1], last = __atomic_load_n(full, __ATOMIC_RELAXED);

	do
		__atomic_store_n(&b->meta[buffer - 1].next, last, __ATOMIC_RELAXED);
	/* [TB3] release, pairs with [TB4]: what is in the buffer. */
	while (!__atomic_compare_exchange_n(full, &last, buffer, 0, __ATOMIC_RELEASE,
	                                    __ATOMIC_RELAXED));
}

/* The open batch of a lane is complete. */
static inline void rshi_lane_close(struct rshi_trace_buffers *b, struct rshi_trace_lane *lane)
{
	struct rshi_trace_meta *meta = &b->meta[lane->buffer - 1];
	struct rshi_trace_batch *batch = (struct rshi_trace_batch *)lane->batch;

	batch->block.length = (uint32_t)(lane->p - lane->batch);
	batch->events = lane->events;
	meta->used = (uint32_t)(lane->p - rshi_buffer_memory(b, lane->buffer));
	meta->events += lane->events;
	__atomic_store_n(&lane->batch, NULL, __ATOMIC_RELAXED);
}

/* The lane has no buffer any more. */
static inline void rshi_lane_empty(struct rshi_trace_lane *lane)
{
	rshi_lane_at(lane, NULL);
	lane->limit = NULL;
	lane->end = NULL;
	__atomic_store_n(&lane->buffer, 0, __ATOMIC_RELAXED);
}

#endif /* RSH_TRACE_BUFFERS_ENGINE_H */
