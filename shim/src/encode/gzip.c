/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gzip (RFC 1952) of one deflate block (RFC 1951) with the fixed codes and the last match that
 * there was: a profile becomes a third of its size, zlib's best would be a little more than that.
 */

#include <raceshim/sigsafe.h>

#include "core/checksum.h"
#include "core/detector.h"
#include "gzip.h"

#define SHORTEST     4 /* of matches; deflate's would be 3 */
#define LONGEST      258
#define LENGTH_BASE  3
#define END_OF_BLOCK 256

/* A word at any address, of any type. */
typedef uint32_t __attribute__((may_alias, aligned(1))) word;

static void flush(struct rshi_gzip *z)
{
	if (rshi_msan_unpoison)
		rshi_msan_unpoison(z->bytes, z->out);
	if (!z->err && z->out)
		z->err = z->writer->write(z->writer->arg, z->bytes, z->out);
	z->out = 0;
}

/* At most 32 bits. */
static void put_bits(struct rshi_gzip *z, uint32_t bits, unsigned int n)
{
	z->bits |= (uint64_t)bits << z->n_bits;
	z->n_bits += n;
	for (; z->n_bits >= 8; z->n_bits -= 8, z->bits >>= 8)
		z->bytes[z->out++] = (unsigned char)z->bits;
	if (z->out >= RSHI_GZIP_OUT)
		flush(z);
}

/* A code, whose first bit is its highest. */
static void put_code(struct rshi_gzip *z, uint32_t code, unsigned int n)
{
	uint32_t reversed = 0;

	for (unsigned int i = 0; i < n; i++)
		reversed |= (code >> i & 1) << (n - 1 - i);
	put_bits(z, reversed, n);
}

static void put_symbol(struct rshi_gzip *z, uint32_t symbol)
{
	if (symbol < 144)
		put_code(z, 0x30 + symbol, 8);
	else if (symbol < END_OF_BLOCK)
		put_code(z, 0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(z, symbol - END_OF_BLOCK, 7);
	else
		put_code(z, 0xc0 + symbol - 280, 8);
}

static unsigned int log_of(uint32_t v)
{
	return 31 - (unsigned int)__builtin_clz(v);
}

static void put_match(struct rshi_gzip *z, uint32_t length, uint32_t distance)
{
	unsigned int extra = 0;

	length -= LENGTH_BASE;
	distance -= 1;
	if (length == LONGEST - LENGTH_BASE) {
		put_symbol(z, 285);
	} else if (length < 8) {
		put_symbol(z, 257 + length);
	} else {
		extra = log_of(length) - 2;
		put_symbol(z, 261 + 4 * extra + (length >> extra & 3));
		put_bits(z, length & ((1u << extra) - 1), extra);
	}
	if (distance < 4) {
		put_code(z, distance, 5);
		return;
	}
	extra = log_of(distance) - 1;
	put_code(z, 2 * (extra + 1) + (distance >> extra & 1), 5);
	put_bits(z, distance & ((1u << extra) - 1), extra);
}

static uint32_t *slot(struct rshi_gzip *z, size_t at)
{
	return &z->last[(*(const word *)(z->window + at) * 0x9e3779b1u) >> 20];
}

/* The length of what is the same at two places, up to the end of what there is. */
static size_t match(const struct rshi_gzip *z, size_t old, size_t at)
{
	size_t n = 0, most = z->fill - at < LONGEST ? z->fill - at : LONGEST;

	while (n < most && z->window[old + n] == z->window[at + n])
		n++;
	return n;
}

/* Compress what is in the window, and keep of it what the next matches may refer to. */
static void compress(struct rshi_gzip *z)
{
	size_t end = z->fill, gone;

	while (z->done < end) {
		size_t at = z->done, n = 0, old = 0;

		if (end - at >= SHORTEST) {
			old = *slot(z, at);
			if (old && at - (old - 1) <= RSHI_GZIP_WINDOW)
				n = match(z, old - 1, at);
		}
		if (n < SHORTEST) {
			put_symbol(z, z->window[at]);
			n = 1;
		} else {
			put_match(z, (uint32_t)n, (uint32_t)(at - (old - 1)));
		}
		for (; n; n--, at++) {
			if (end - at >= SHORTEST)
				*slot(z, at) = (uint32_t)at + 1;
		}
		z->done = at;
	}
	if (z->fill < sizeof(z->window))
		return;
	gone = z->fill - RSHI_GZIP_WINDOW;
	rsh_memmove_sig(z->window, z->window + gone, RSHI_GZIP_WINDOW);
	z->fill = z->done = RSHI_GZIP_WINDOW;
	for (size_t i = 0; i < RSHI_GZIP_SLOTS; i++)
		z->last[i] = z->last[i] > gone ? z->last[i] - (uint32_t)gone : 0;
}

void rshi_gzip_begin(struct rshi_gzip *z, const struct rsh_writer *writer)
{
	rshi_crc32_init_sig();
	z->writer = writer;
	z->err = 0;
	z->crc = 0;
	z->total = 0;
	z->bits = 0;
	z->n_bits = 0;
	z->done = 0;
	z->fill = 0;
	z->out = 0;
	rsh_memset_sig(z->last, 0, sizeof(z->last));
	put_bits(z, 0x00088b1f, 32); /* deflate, no name */
	put_bits(z, 0, 32);          /* no time, so that the same input is the same output */
	put_bits(z, 0xff00, 16);     /* no system in particular */
	put_bits(z, 3, 3);           /* the last block, with fixed codes */
}

void rshi_gzip_put(struct rshi_gzip *z, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	z->crc = rshi_crc32_sig(z->crc, bytes, n);
	z->total += (uint32_t)n;
	while (n) {
		size_t room = sizeof(z->window) - z->fill, part = room < n ? room : n;

		rsh_memcpy_sig(z->window + z->fill, p, part);
		z->fill += part;
		p += part;
		n -= part;
		if (z->fill == sizeof(z->window))
			compress(z);
	}
}

int rshi_gzip_end(struct rshi_gzip *z)
{
	compress(z);
	put_symbol(z, END_OF_BLOCK);
	put_bits(z, 0, (8 - z->n_bits % 8) % 8);
	put_bits(z, z->crc, 32);
	put_bits(z, z->total, 32);
	flush(z);
	return z->err;
}
