/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_RAW_BYTES_H
#define RSH_ENCODE_RAW_BYTES_H

/* Bytes of the tracer's own format. What cannot be read is 0, and the bytes are broken then. */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/sigsafe.h>

/* Where in the bytes a text is; an @at of 0: nowhere. */
struct rshi_raw_place {
	size_t at;
	size_t n;
};

struct rshi_raw_bytes {
	const unsigned char *p;
	size_t n;
	size_t at;
	int broken;
};

static inline uint64_t rshi_raw_var(struct rshi_raw_bytes *b)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		if (b->at >= b->n)
			break;
		v |= (uint64_t)(b->p[b->at] & 0x7f) << shift;
		if (!(b->p[b->at++] & 0x80))
			return v;
	}
	b->broken = 1;
	return 0;
}

static inline int64_t rshi_raw_zigzag(struct rshi_raw_bytes *b)
{
	uint64_t v = rshi_raw_var(b);

	return (int64_t)(v >> 1 ^ -(v & 1));
}

static inline struct rshi_raw_place rshi_raw_text(struct rshi_raw_bytes *b)
{
	uint64_t n = rshi_raw_var(b);
	struct rshi_raw_place place = {b->at, (size_t)n};

	if (n > b->n - b->at) {
		b->broken = 1;
		return (struct rshi_raw_place){0, 0};
	}
	b->at += place.n;
	return place;
}

/* The bytes of a field of 16 that are before the zeros. */
static inline size_t rshi_raw_length16(const char *text)
{
	size_t n = 0;

	while (n < 16 && text[n])
		n++;
	return n;
}

static inline int rshi_raw_same16(const char *a, const char *b)
{
	return !rsh_memcmp_sig(a, b, 16);
}

static inline int rshi_raw_get(const struct rshi_raw_bytes *b, size_t at, void *to, size_t n)
{
	if (at > b->n || n > b->n - at)
		return 0;
	rsh_memcpy_sig(to, b->p + at, n);
	return 1;
}

#endif /* RSH_ENCODE_RAW_BYTES_H */
