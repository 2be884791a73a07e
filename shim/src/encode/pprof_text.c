/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts of a profile. protobuf wants UTF-8, which names of files and threads need not be. */

#include <raceshim/sigsafe.h>

#include "pprof_table.h"

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

/* The first byte of a text that belongs to no character; @n if there is none. */
static size_t first_bad(const char *text, size_t n)
{
	size_t i = 0, length = 1;

	while (i < n && length) {
		length = character((const unsigned char *)text + i, n - i);
		i += length;
	}
	return i;
}

int rshi_pprof_text(struct rshi_pprof *p, const char *text, size_t n, uint32_t *number)
{
	size_t bad = first_bad(text, n);
	char *copy;
	int err;

	if (bad == n)
		return rshi_intern(&p->strings, text, n, number);
	p->text.used = 0;
	err = rshi_grow_reserve(&p->text, n);
	if (err)
		return err;
	copy = (char *)p->text.p;
	rsh_memcpy_sig(copy, text, n);
	while (bad < n) {
		copy[bad++] = '?';
		bad += first_bad(copy + bad, n - bad);
	}
	return rshi_intern(&p->strings, copy, n, number);
}

int rshi_pprof_string(struct rshi_pprof *p, const char *text, uint32_t *number)
{
	size_t n = 0;

	while (text && text[n]) {
		n++;
		__asm__ volatile("" : "+r"(n)); /* or compilers see a strlen */
	}
	return rshi_pprof_text(p, text, n, number);
}
