/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_SINK_H
#define RSH_COVER_SINK_H

/*
 * Bytes on their way out, in the notation of docs/formats.md: through a buffer of the caller's into
 * a function, with the CRC of all that has passed. Without a buffer they are only counted: the
 * length of a unit stands at its beginning, so everything is encoded twice, from memory that nobody
 * changes in between.
 *
 * Compiled into ordinary code and into code for handlers alike: calls nothing but *_sig functions.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/sigsafe.h>

#include "core/checksum.h"

#define RSHI_VAR_MAX 10 /* bytes of a 64-bit number */

/* Make the compiler forget what it knows about a variable, and so that a loop is strlen. */
#define RSHI_OPAQUE(v) __asm__ volatile("" : "+r"(v))

struct rshi_sink {
	unsigned char *buf; /* NULL: count only */
	size_t size;        /* of buf, at least RSHI_VAR_MAX */
	size_t fill;        /* bytes in buf */
	size_t summed;      /* of them, those that are in crc */
	uint64_t total;     /* bytes that passed, the ones in buf included */
	uint32_t crc;
	int err; /* the first error; from then on nothing goes out */
	int (*flush)(void *arg, const void *bytes, size_t n);
	void *arg;
};

static inline void rshi_sink_init(struct rshi_sink *s, void *buf, size_t size,
                                  int (*flush)(void *arg, const void *bytes, size_t n), void *arg)
{
	s->buf = buf;
	s->size = size;
	s->fill = 0;
	s->summed = 0;
	s->total = 0;
	s->crc = 0;
	s->err = 0;
	s->flush = flush;
	s->arg = arg;
}

static inline void rshi_sink_count(struct rshi_sink *s)
{
	rshi_sink_init(s, NULL, 0, NULL, NULL);
}

static inline void rshi_sink_sum(struct rshi_sink *s)
{
	if (!s->buf)
		return;
	s->crc = rshi_crc32_sig(s->crc, s->buf + s->summed, s->fill - s->summed);
	s->summed = s->fill;
}

/* Hand on what is in the buffer. Returns the first error. */
static inline int rshi_sink_flush(struct rshi_sink *s)
{
	rshi_sink_sum(s);
	if (s->fill && !s->err)
		s->err = s->flush(s->arg, s->buf, s->fill);
	s->fill = 0;
	s->summed = 0;
	return s->err;
}

static inline void rshi_put_bytes(struct rshi_sink *s, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	s->total += n;
	if (!s->buf)
		return;
	while (n) {
		size_t part = s->size - s->fill < n ? s->size - s->fill : n;

		rsh_memcpy_sig(s->buf + s->fill, p, part);
		s->fill += part;
		p += part;
		n -= part;
		if (s->fill == s->size)
			rshi_sink_flush(s);
	}
}

static inline void rshi_put_u32(struct rshi_sink *s, uint32_t v)
{
	unsigned char b[4];

	for (int i = 0; i < 4; i++)
		b[i] = (unsigned char)(v >> (8 * i));
	rshi_put_bytes(s, b, sizeof(b));
}

static inline void rshi_put_u64(struct rshi_sink *s, uint64_t v)
{
	rshi_put_u32(s, (uint32_t)v);
	rshi_put_u32(s, (uint32_t)(v >> 32));
}

static inline void rshi_put_var(struct rshi_sink *s, uint64_t v)
{
	if (!s->buf) {
		for (s->total++; v >= 0x80; v >>= 7)
			s->total++;
		return;
	}
	if (s->size - s->fill < RSHI_VAR_MAX)
		rshi_sink_flush(s);
	for (; v >= 0x80; v >>= 7) {
		s->buf[s->fill++] = (unsigned char)(v | 0x80);
		s->total++;
	}
	s->buf[s->fill++] = (unsigned char)v;
	s->total++;
}

static inline void rshi_put_str(struct rshi_sink *s, const char *str)
{
	size_t n = 0;

	while (str && str[n]) {
		n++;
		RSHI_OPAQUE(n);
	}
	rshi_put_var(s, n);
	rshi_put_bytes(s, str, n);
}

#endif /* RSH_COVER_SINK_H */
