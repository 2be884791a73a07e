/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_GZIP_H
#define RSH_ENCODE_GZIP_H

/*
 * Bytes on their way to a writer, as one gzip member. Calls no libc; the memory is the caller's.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/writer.h>

#define RSHI_GZIP_BLOCK 32768

struct rshi_gzip {
	const struct rsh_writer *writer;
	int err; /* the first error; from then on nothing goes out */
	uint32_t crc;
	uint32_t total;
	size_t fill;
	size_t out;
	unsigned char block[RSHI_GZIP_BLOCK];
	unsigned char bytes[RSHI_GZIP_BLOCK + 64];
};

void rshi_gzip_begin(struct rshi_gzip *z, const struct rsh_writer *writer);
void rshi_gzip_put(struct rshi_gzip *z, const void *bytes, size_t n);

/* Write what is left; 0, or the first error of the writer. */
int rshi_gzip_end(struct rshi_gzip *z);

#endif /* RSH_ENCODE_GZIP_H */
