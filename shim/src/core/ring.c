/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader's side of a ring, and waiting for the bell. */

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "ring.h"
#include "sys.h"

int rshi_ring_init(struct rshi_ring *ring, uint64_t *words, size_t size, size_t header,
                   struct rshi_bell *bell)
{
	if (size < 16 || size > UINT32_MAX / 2 || size & (size - 1) || header > RSHI_HEADER_MAX)
		return EINVAL;
	rsh_memset_sig(ring, 0, sizeof(*ring));
	ring->words = words;
	ring->size = (uint32_t)size;
	ring->header = (uint32_t)header;
	ring->bell = bell;
	return 0;
}

/* The reader takes the count of losses as a record of its own; returns whether it got it. */
static int take_losses(struct rshi_ring *ring, uint64_t lost)
{
	uint64_t since = __atomic_load_n(&ring->lost_since, __ATOMIC_RELAXED);
	uint64_t *word = ring->loss;

	/* Relaxed: nothing is published. It fails if the writer has lost more, or was faster. */
	if (!__atomic_compare_exchange_n(&ring->lost, &lost, ((lost >> 32) + 1) << 32, 0,
	                                 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return 0;
	*word++ = rshi_record_word(RSHI_LOST + RSHI_LOST_OVERFLOW, 3 + (size_t)ring->header);
	*word++ = since;
	/* A loop would become a call of memset. */
	rsh_memset_sig(word, 0, ring->header * sizeof(*word));
	word[ring->header] = (uint32_t)lost;
	return 1;
}

/* The whole records from position @from on, up to @written, the end of the ring or a way back. */
static size_t count_words(const struct rshi_ring *ring, uint64_t from, uint64_t written)
{
	const uint64_t *words = &ring->words[from & (ring->size - 1)];
	size_t room = ring->size - (from & (ring->size - 1)), n = 0;

	while (n < room && n < written - from && words[n])
		n += rshi_record_length(&words[n]);
	return n;
}

int rshi_ring_read(struct rshi_ring *ring, const uint64_t **records, size_t *n)
{
	for (;;) {
		uint64_t written, lost, from = ring->taken;
		uint32_t closed;

		/* [R4] release, pairs with [R3]: nobody looks at the words before any more. */
		__atomic_store_n(&ring->read, from, __ATOMIC_RELEASE);
		/* [R8] acquire, pairs with [R7]: what follows is final if this is set. */
		closed = __atomic_load_n(&ring->closed, __ATOMIC_ACQUIRE);
		/* [R6] acquire, pairs with [R5]. */
		written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
		if (written != from) {
			*records = &ring->words[from & (ring->size - 1)];
			*n = count_words(ring, from, written);
			ring->taken = from + *n;
			if (*n)
				return 0;
			/* Sent back to the start of the ring. */
			ring->taken += ring->size - (from & (ring->size - 1));
			continue;
		}
		/* [R2] acquire, pairs with [R1]: records written before the first loss are seen now. */
		lost = __atomic_load_n(&ring->lost, __ATOMIC_ACQUIRE);
		if (!(uint32_t)lost)
			return closed ? ENODATA : EAGAIN;
		if (__atomic_load_n(&ring->written, __ATOMIC_RELAXED) == from &&
		    take_losses(ring, lost)) {
			*records = ring->loss;
			*n = 3 + (size_t)ring->header;
			return 0;
		}
	}
}

int rshi_ring_is_due(const struct rshi_ring *ring)
{
	/* By what the writer goes by, which may be asked while somebody reads. */
	uint64_t read = __atomic_load_n(&ring->read, __ATOMIC_RELAXED);

	return __atomic_load_n(&ring->written, __ATOMIC_RELAXED) - read >= ring->size / 2 ||
	       (uint32_t)__atomic_load_n(&ring->lost, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&ring->closed, __ATOMIC_RELAXED);
}

int rshi_bell_wait(struct rshi_bell *bell, int (*due)(void *arg), void *arg, uint64_t timeout)
{
	for (;;) {
		uint32_t word;
		int err;

		/* [B2] acquire, pairs with [B1]. */
		word = __atomic_fetch_or(&bell->word, 1, __ATOMIC_ACQUIRE) | 1;
		err = due(arg) ? 0 : rshi_futex_wait_sig(&bell->word, word, timeout);
		__atomic_fetch_and(&bell->word, ~1u, __ATOMIC_RELAXED);
		if (due(arg))
			return 0;
		if (err == ETIMEDOUT || err == EINTR)
			return err;
	}
}
