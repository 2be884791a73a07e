/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32, eight bytes a step, and FNV-1a with 128 bits. */

#include "checksum.h"

#define POLYNOMIAL 0xedb88320u /* of zlib, lowest bit first */
#define STEP       8

/* tables[k][b]: what byte b contributes with k bytes behind it. Immutable after init. */
static uint32_t tables[STEP][256];

void rshi_crc32_init_sig(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		tables[0][byte] = crc;
	}
	for (int k = 1; k < STEP; k++)
		for (uint32_t byte = 0; byte < 256; byte++)
			tables[k][byte] =
			        tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xff];
}

uint32_t rshi_crc32_sig(uint32_t crc, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	crc = ~crc;
	for (; n >= STEP; n -= STEP, p += STEP) {
		crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		       (uint32_t)p[3] << 24;
		crc = tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^
		      tables[5][crc >> 16 & 0xff] ^ tables[4][crc >> 24] ^ tables[3][p[4]] ^
		      tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
	}
	for (; n; n--, p++)
		crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
	return ~crc;
}

void rshi_fnv_init_sig(struct rshi_fnv *h)
{
	h->high = 0x6c62272e07bb0142u;
	h->low = 0x62b821756295c58du;
}

void rshi_fnv_add_sig(struct rshi_fnv *h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	unsigned __int128 v = (unsigned __int128)h->high << 64 | h->low;

	/* The prime is 2^88 + 0x13b. */
	for (; n; n--, p++) {
		v ^= *p;
		v = (v << 88) + v * 0x13b;
	}
	h->high = (uint64_t)(v >> 64);
	h->low = (uint64_t)v;
}

void rshi_fnv_end_sig(const struct rshi_fnv *h, unsigned char hash[16])
{
	for (int i = 0; i < 8; i++) {
		hash[i] = (unsigned char)(h->high >> (56 - 8 * i));
		hash[8 + i] = (unsigned char)(h->low >> (56 - 8 * i));
	}
}
