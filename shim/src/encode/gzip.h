/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_GZIP_H
#define RSH_ENCODE_GZIP_H

/*
 * Bytes on their way to a writer, as one gzip member. Calls no libc; the memory is the caller's,
 * 96 KB of it, however much is written. The same bytes always become the same bytes.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/writer.h>

#define RSHI_GZIP_WINDOW 32768u /* how far back a match may be */
#define RSHI_GZIP_SLOTS  4096u
#define RSHI_GZIP_OUT    16384u

struct rshi_gzip {
	const struct rsh_writer *writer;
	int err; /* the first error; from then on nothing goes out */
	uint32_t crc;
	uint32_t total;
	uint64_t bits; /* not in @bytes yet, first ones lowest */
	unsigned int n_bits;
	size_t done; /* of @window: compressed */
	size_t fill; /* of @window: in use */
	size_t out;  /* of @bytes: in use */
	uint32_t
	        last[RSHI_GZIP_SLOTS]; /* by the hash of four bytes: where they were last, plus 1 */
	unsigned char window[2 * RSHI_GZIP_WINDOW];
	unsigned char bytes[RSHI_GZIP_OUT + 16];
};

void rshi_gzip_begin(struct rshi_gzip *z, const struct rsh_writer *writer);
void rshi_gzip_put(struct rshi_gzip *z, const void *bytes, size_t n);

/* Write what is left; 0, or the first error of the writer. */
int rshi_gzip_end(struct rshi_gzip *z);

#endif /* RSH_ENCODE_GZIP_H */
