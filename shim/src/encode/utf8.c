/* SPDX-License-Identifier: BSD-2-Clause */
/* Which bytes are characters, as RFC 3629 has them. */

#include "utf8.h"

/* By the first byte of a character: how long it is, and what the second byte may be. */
static const struct {
	unsigned char first, last, length, low, high;
} characters[] = {
        {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
        {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
        {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

/* The length of the character at @p, of which @n bytes are there; 0 if it is none. */
static size_t character(const unsigned char *p, size_t n)
{
	size_t k = 0;

	while (k < sizeof(characters) / sizeof(*characters) &&
	       (*p < characters[k].first || *p > characters[k].last))
		k++;
	if (k == sizeof(characters) / sizeof(*characters) || characters[k].length > n)
		return 0;
	for (size_t i = 1; i < characters[k].length; i++) {
		if (p[i] < (i == 1 ? characters[k].low : 0x80) ||
		    p[i] > (i == 1 ? characters[k].high : 0xbf))
			return 0;
	}
	return characters[k].length;
}

size_t rshi_utf8_valid(const char *text, size_t n)
{
	size_t i = 0, length = 1;

	while (i < n && length) {
		length = character((const unsigned char *)text + i, n - i);
		i += length;
	}
	return i;
}

void rshi_utf8_repair(char *text, size_t n)
{
	size_t i = rshi_utf8_valid(text, n);

	while (i < n) {
		text[i++] = '?';
		i += rshi_utf8_valid(text + i, n - i);
	}
}
