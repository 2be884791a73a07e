/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_MESSAGE_H
#define RSH_ENCODE_MESSAGE_H

/*
 * A message of protocol buffers, built up in memory that the caller knows to be large enough. The
 * length of a message within it is filled in when that one ends: nearly all are shorter than 128
 * bytes, which is one byte of length, and the others are moved. A field that is 0 is written.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/sigsafe.h>

#include "proto.h"

#define RSHI_FIXED64     1u
#define RSHI_MESSAGE_GAP 5 /* bytes that an end may add at most: lengths are below 2^32 */

struct rshi_message {
	unsigned char *bytes;
	size_t n;
};

static inline void rshi_add_varint(struct rshi_message *m, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		m->bytes[m->n++] = (unsigned char)(v | 0x80);
	m->bytes[m->n++] = (unsigned char)v;
}

static inline void rshi_add_number(struct rshi_message *m, unsigned int field, uint64_t v)
{
	rshi_add_varint(m, field << 3 | RSHI_VARINT);
	rshi_add_varint(m, v);
}

static inline void rshi_add_fixed64(struct rshi_message *m, unsigned int field, uint64_t v)
{
	rshi_add_varint(m, field << 3 | RSHI_FIXED64);
	for (int i = 0; i < 8; i++, v >>= 8)
		m->bytes[m->n++] = (unsigned char)v;
}

static inline void rshi_add_bytes(struct rshi_message *m, unsigned int field, const void *p,
                                  size_t n)
{
	rshi_add_varint(m, field << 3 | RSHI_BYTES);
	rshi_add_varint(m, n);
	rsh_memcpy_sig(m->bytes + m->n, p, n);
	m->n += n;
}

/* Begin a message within it; what comes back is for its end. */
static inline size_t rshi_message_open(struct rshi_message *m, unsigned int field)
{
	rshi_add_varint(m, field << 3 | RSHI_BYTES);
	return ++m->n;
}

static inline void rshi_message_close(struct rshi_message *m, size_t start)
{
	size_t n = m->n - start, extra = rshi_varint_size(n) - 1;

	if (extra) {
		rsh_memmove_sig(m->bytes + start + extra, m->bytes + start, n);
		m->n += extra;
	}
	for (start--; n >= 0x80; n >>= 7)
		m->bytes[start++] = (unsigned char)(n | 0x80);
	m->bytes[start] = (unsigned char)n;
}

#endif /* RSH_ENCODE_MESSAGE_H */
