/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_TEXT_H
#define RSH_CORE_TEXT_H

/* Putting a line or a path together without libc; what does not fit is left out, and known. */

#include <stddef.h>
#include <stdint.h>

struct rshi_text {
	char *at;
	char *end; /* behind the last byte, which is for the NUL */
	int is_cut;
};

static inline void rshi_text_begin(struct rshi_text *t, char *buf, size_t size)
{
	t->at = buf;
	t->end = buf + size;
	t->is_cut = 0;
	*buf = '\0';
}

static inline void rshi_text_byte(struct rshi_text *t, char c)
{
	if (t->end - t->at < 2) {
		t->is_cut = 1;
		return;
	}
	*t->at++ = c;
	*(volatile char *)t->at = '\0';
}

static inline void rshi_text_add(struct rshi_text *t, const char *s)
{
	while (*s)
		rshi_text_byte(t, *s++);
}

static inline void rshi_text_number(struct rshi_text *t, uint64_t v)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		rshi_text_byte(t, digits[--n]);
}

#endif /* RSH_CORE_TEXT_H */
