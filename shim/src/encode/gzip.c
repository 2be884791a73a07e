/* SPDX-License-Identifier: BSD-2-Clause */
/* gzip (RFC 1952) of stored blocks. */

#include <raceshim/sigsafe.h>

#include "core/checksum.h"
#include "core/detector.h"
#include "gzip.h"

static void put(struct rshi_gzip *z, unsigned int byte)
{
	z->bytes[z->out++] = (unsigned char)byte;
}

static void put_u16(struct rshi_gzip *z, unsigned int v)
{
	put(z, v & 0xff);
	put(z, v >> 8);
}

static void put_u32(struct rshi_gzip *z, uint32_t v)
{
	put_u16(z, v & 0xffff);
	put_u16(z, v >> 16);
}

static void flush(struct rshi_gzip *z)
{
	if (rshi_msan_unpoison)
		rshi_msan_unpoison(z->bytes, z->out);
	if (!z->err && z->out)
		z->err = z->writer->write(z->writer->arg, z->bytes, z->out);
	z->out = 0;
}

static void put_block(struct rshi_gzip *z, int last)
{
	z->crc = rshi_crc32_sig(z->crc, z->block, z->fill);
	z->total += (uint32_t)z->fill;
	put(z, last ? 1 : 0);
	put_u16(z, (unsigned int)z->fill);
	put_u16(z, ~(unsigned int)z->fill & 0xffff);
	rsh_memcpy_sig(z->bytes + z->out, z->block, z->fill);
	z->out += z->fill;
	z->fill = 0;
}

void rshi_gzip_begin(struct rshi_gzip *z, const struct rsh_writer *writer)
{
	rshi_crc32_init_sig();
	z->writer = writer;
	z->err = 0;
	z->crc = 0;
	z->total = 0;
	z->fill = 0;
	z->out = 0;
	put_u32(z, 0x00088b1f); /* deflate, no name */
	put_u32(z, 0);          /* no time, so that the same input is the same output */
	put_u16(z, 0xff00);     /* no system in particular */
}

void rshi_gzip_put(struct rshi_gzip *z, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	while (n) {
		size_t part = RSHI_GZIP_BLOCK - z->fill < n ? RSHI_GZIP_BLOCK - z->fill : n;

		rsh_memcpy_sig(z->block + z->fill, p, part);
		z->fill += part;
		p += part;
		n -= part;
		if (z->fill == RSHI_GZIP_BLOCK) {
			put_block(z, 0);
			flush(z);
		}
	}
}

int rshi_gzip_end(struct rshi_gzip *z)
{
	put_block(z, 1);
	put_u32(z, z->crc);
	put_u32(z, z->total);
	flush(z);
	return z->err;
}
