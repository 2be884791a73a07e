/* SPDX-License-Identifier: BSD-2-Clause */
/* The writer's side of a ring, and the bell. */

#include "ring.h"
#include "sys.h"

#define COUNT_MAX UINT32_MAX

/* Where a record of @length words goes that is written at position @at: not across the end. */
static uint64_t place(const struct rshi_ring *ring, uint64_t at, size_t length)
{
	uint64_t offset = at & (ring->size - 1);

	return offset + length > ring->size ? at - offset + ring->size : at;
}

/* Write the fixed part of a record at @to and, if that is not @at, send the reader there. */
static uint64_t *begin(struct rshi_ring *ring, uint64_t at, uint64_t to, uint32_t kind,
                       size_t length, uint64_t time)
{
	uint64_t *word = &ring->words[to & (ring->size - 1)];

	if (to != at)
		ring->words[at & (ring->size - 1)] = 0;
	*word++ = rshi_record_word(kind, length);
	*word++ = time;
	return word;
}

/* One more is lost. The count stays at the largest there is rather than begin anew. */
static void lose(struct rshi_ring *ring, uint64_t time)
{
	uint64_t lost = __atomic_load_n(&ring->lost, __ATOMIC_RELAXED), more;

	do {
		more = (uint32_t)lost == COUNT_MAX ? lost : lost + 1;
		/* No reader looks at the time while the count is 0. */
		if (!(uint32_t)lost)
			__atomic_store_n(&ring->lost_since, time, __ATOMIC_RELAXED);
		/* [R1] release, pairs with [R2]: the time of the first loss, and all records before it.
		 */
	} while (!__atomic_compare_exchange_n(&ring->lost, &lost, more, 0, __ATOMIC_RELEASE,
	                                      __ATOMIC_RELAXED));
	rshi_bell_ring_sig(ring->bell);
}

int rshi_ring_write_sig(struct rshi_ring *ring, uint64_t time, const uint64_t *header,
                        const uintptr_t *pcs, size_t n)
{
	size_t length = 2 + (size_t)ring->header + n, loss_length = 2 + (size_t)ring->header + 1;
	uint64_t start = __atomic_load_n(&ring->written, __ATOMIC_RELAXED), at = start, to;
	/* [R3] acquire, pairs with [R4]: the reader is done with what is written over. */
	uint64_t read = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
	uint64_t lost = __atomic_load_n(&ring->lost, __ATOMIC_RELAXED);
	uint64_t *word;

	if ((uint32_t)lost) {
		uint64_t loss_to = place(ring, at, loss_length);

		to = place(ring, loss_to + loss_length, length);
		if (to + length - read > ring->size) {
			lose(ring, time);
			return 0;
		}
		/* Relaxed: what was lost and when is the writer's own. If the reader was faster,
		 * it has delivered the losses before any record that follows. */
		if (__atomic_compare_exchange_n(&ring->lost, &lost, ((lost >> 32) + 1) << 32, 0,
		                                __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			word = begin(ring, at, loss_to, RSHI_LOST + RSHI_LOST_OVERFLOW, loss_length,
			             __atomic_load_n(&ring->lost_since, __ATOMIC_RELAXED));
			for (uint32_t i = 0; i < ring->header; i++)
				*(volatile uint64_t *)word++ = 0;
			*word = (uint32_t)lost;
			at = loss_to + loss_length;
		}
	}
	to = place(ring, at, length);
	if (to + length - read > ring->size) {
		lose(ring, time);
		return 0;
	}
	word = begin(ring, at, to, RSHI_SAMPLE, length, time);
	/* Volatile, or a compiler calls memcpy. */
	for (uint32_t i = 0; i < ring->header; i++)
		*(volatile uint64_t *)word++ = header[i];
	for (size_t i = 0; i < n; i++)
		*(volatile uint64_t *)word++ = pcs[i];
	/* [R5] release, pairs with [R6]: the words of the records. */
	__atomic_store_n(&ring->written, to + length, __ATOMIC_RELEASE);
	if (to + length - read >= ring->size / 2)
		rshi_bell_ring_sig(ring->bell);
	return 1;
}

void rshi_ring_close_sig(struct rshi_ring *ring)
{
	/* [R7] release, pairs with [R8]: all records and losses. */
	__atomic_store_n(&ring->closed, 1, __ATOMIC_RELEASE);
	rshi_bell_ring_sig(ring->bell);
}

void rshi_bell_ring_sig(struct rshi_bell *bell)
{
	/*
	 * [B1] release, pairs with [B2]: what the bell is rung for. Both sides change the word, so
	 * one of them is later: this one, and sees that the reader sleeps; or the reader's, which
	 * then sees what this is about when it looks once more before it sleeps.
	 */
	uint32_t before = __atomic_fetch_add(&bell->word, 2, __ATOMIC_RELEASE);

	/* Of all who see it asleep, the one that clears the bit wakes it. */
	if (before & 1 && __atomic_fetch_and(&bell->word, ~1u, __ATOMIC_RELAXED) & 1) {
		__atomic_fetch_add(&bell->wakes, 1, __ATOMIC_RELAXED);
		rshi_futex_wake_sig(&bell->word, 1, NULL);
	}
}
