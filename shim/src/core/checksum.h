/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_CHECKSUM_H
#define RSH_CORE_CHECKSUM_H

/* CRC-32, of gzip and of docs/formats.md, and the hash of the latter. Async-signal-safe. */

#include <stddef.h>
#include <stdint.h>

/* Continue @crc (0 at first) over @n bytes; before the first, rshi_crc32_init_sig(). */
uint32_t rshi_crc32_sig(uint32_t crc, const void *bytes, size_t n);
void rshi_crc32_init_sig(void);

/* FNV-1a with 128 bits. */
struct rshi_fnv {
	uint64_t high;
	uint64_t low;
};

void rshi_fnv_init_sig(struct rshi_fnv *h);
void rshi_fnv_add_sig(struct rshi_fnv *h, const void *bytes, size_t n);

/* The hash, most significant byte first. */
void rshi_fnv_end_sig(const struct rshi_fnv *h, unsigned char hash[16]);

#endif /* RSH_CORE_CHECKSUM_H */
