/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_PROTO_H
#define RSH_ENCODE_PROTO_H

/*
 * Fields of protocol buffers on their way into gzip. The length of a message stands before it, so
 * what is to be written is first added up by the _size functions. As everywhere, a field that is 0
 * is not written.
 */

#include "gzip.h"

#define RSHI_VARINT 0u
#define RSHI_BYTES  2u

static inline size_t rshi_varint_size(uint64_t v)
{
	return (size_t)(70 - __builtin_clzll(v | 1)) / 7;
}

static inline void rshi_put_varint(struct rshi_gzip *z, uint64_t v)
{
	unsigned char bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (unsigned char)(v | 0x80);
	bytes[n++] = (unsigned char)v;
	rshi_gzip_put(z, bytes, n);
}

static inline size_t rshi_number_size(unsigned int field, uint64_t v)
{
	return v ? rshi_varint_size((uint64_t)field << 3) + rshi_varint_size(v) : 0;
}

static inline void rshi_put_number(struct rshi_gzip *z, unsigned int field, uint64_t v)
{
	if (!v)
		return;
	rshi_put_varint(z, field << 3 | RSHI_VARINT);
	rshi_put_varint(z, v);
}

/* With what stands before it: a message, a packed list or a text of @n bytes. */
static inline size_t rshi_message_size(unsigned int field, size_t n)
{
	return rshi_varint_size((uint64_t)field << 3) + rshi_varint_size(n) + n;
}

static inline void rshi_put_head(struct rshi_gzip *z, unsigned int field, size_t n)
{
	rshi_put_varint(z, field << 3 | RSHI_BYTES);
	rshi_put_varint(z, n);
}

#endif /* RSH_ENCODE_PROTO_H */
