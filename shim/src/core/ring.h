/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_RING_H
#define RSH_CORE_RING_H

/*
 * Records on their way from one thread's signal handlers to a reader.
 *
 * A ring has one writer, the handlers of one thread, of which none interrupts another, and one
 * reader. Nothing waits for anybody: a writer that finds no room counts the record as lost.
 *
 * A record is a row of 8-byte words, never split by the end of the ring:
 *
 *	kind << 32 | length in words, this one included
 *	time
 *	header words, as many as the ring was made with
 *	a body: the pcs of a sample, or the count of what was lost
 *
 * A first word of 0, which no record has, sends the reader back to the start of the ring.
 *
 * Positions are numbers of words since the ring was made and never go back, so none comes again.
 *
 * Losses: from the first record that finds no room on, records are lost until there is room for a
 * record of the losses and the next one, which the writer then writes in this order; or until the
 * reader has read all there is and takes the count itself. Either way the losses are found in the
 * stream where they happened, with the time of the first, and exactly once: the word that holds the
 * count also holds a number that changes when it is taken.
 */

#include <stddef.h>
#include <stdint.h>

#define RSHI_HEADER_MAX 8
#define RSHI_CACHE_LINE 64

enum rshi_record_kind {
	RSHI_SAMPLE = 1,
	RSHI_LOST, /* and from here on one for each class: RSHI_LOST + enum rshi_lost */
};

/* Why samples are lost. */
enum rshi_lost {
	RSHI_LOST_OVERFLOW, /* the thread's ring was full */
	RSHI_LOST_EXTRA,    /* the thread had no ring and the buffer for such threads was full */
	RSHI_LOST_BUSY,     /* ... and somebody else was at that buffer */
	RSHI_LOST_WINDOW,   /* the thread was where no sample may be taken */
	RSHI_LOST_UNWIND,   /* its stack could not be walked */
	RSHI_LOST_CLASSES,
};

static inline uint64_t rshi_record_word(uint32_t kind, size_t length)
{
	return (uint64_t)kind << 32 | length;
}

static inline size_t rshi_record_length(const uint64_t *record)
{
	return (uint32_t)*record;
}

static inline uint32_t rshi_record_kind(const uint64_t *record)
{
	return (uint32_t)(*record >> 32);
}

/* What a reader of many rings sleeps on. Any number of handlers may ring it, one reader waits. */
struct rshi_bell {
	uint32_t word; /* atomic: how often it was rung, times 2; odd while the reader sleeps */
	uint32_t
	        wakes; /* atomic, a count only: how often the kernel was asked to wake the reader */
};

struct rshi_ring {
	/* immutable after init */
	uint64_t *words;
	uint32_t size;   /* in words, a power of two */
	uint32_t header; /* header words of a record */
	struct rshi_bell *bell;

	/* atomic, stored by the writer; the reader takes from @lost too */
	_Alignas(RSHI_CACHE_LINE) uint64_t written; /* position behind the last record */
	uint64_t lost;       /* a count in the low half, how often it was taken in the high one */
	uint64_t lost_since; /* time of the first of them */
	uint32_t closed;     /* no record will follow */

	/* atomic, stored by the reader */
	_Alignas(RSHI_CACHE_LINE) uint64_t read; /* position that the writer may write up to */

	/* reader only */
	uint64_t taken; /* position behind what the last read has returned */
	uint64_t loss[3 + RSHI_HEADER_MAX];
};

/*
 * Make a ring of @size words at @words, which rings @bell. Returns 0 or EINVAL: the size is no power
 * of two or too large for the length of a record, or there are too many header words.
 */
int rshi_ring_init(struct rshi_ring *ring, uint64_t *words, size_t size, size_t header,
                   struct rshi_bell *bell);

/*
 * Write a sample with a body of @n words, from a handler. Returns whether there was room. The
 * reader is woken when the ring is half full or something is lost, not for each record.
 */
int rshi_ring_write_sig(struct rshi_ring *ring, uint64_t time, const uint64_t *header,
                        const uintptr_t *pcs, size_t n);

/* No record will follow: the writer says so, or somebody who knows that there is none any more. */
void rshi_ring_close_sig(struct rshi_ring *ring);

/*
 * Read whole records: *@records becomes @n words in the ring itself, which stay as they are until
 * the next read, which also makes room. Returns 0; EAGAIN if there is nothing; ENODATA if there
 * will be nothing any more, now and whenever asked again.
 */
int rshi_ring_read(struct rshi_ring *ring, const uint64_t **records, size_t *n);

/* Whether a reader that sleeps should be woken for this ring. */
int rshi_ring_is_due(const struct rshi_ring *ring);

/* Wake the reader if it sleeps. Asks the kernel only then; that call never blocks. */
void rshi_bell_ring_sig(struct rshi_bell *bell);

/*
 * Sleep until due(@arg) is true, which it must be after the bell was rung for a reason. Returns 0,
 * ETIMEDOUT after @timeout nanoseconds (0: never), or EINTR after a signal.
 */
int rshi_bell_wait(struct rshi_bell *bell, int (*due)(void *arg), void *arg, uint64_t timeout);

#endif /* RSH_CORE_RING_H */
