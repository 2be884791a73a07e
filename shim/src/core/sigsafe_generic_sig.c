/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory functions for signal handlers, on machines that have no file of their own.
 *
 * The rule is that of sigsafe_x86_64_sig.c: no compiler may see a loop that it knows as a libc
 * function. Each loop passes its pointer through an empty asm that it cannot see behind.
 */

#include <stdint.h>

#include <raceshim/sigsafe.h>

typedef uint64_t u64 __attribute__((may_alias, aligned(1)));

#define OPAQUE(p) __asm__ volatile("" : "+r"(p) : : "memory")

static void move_up(unsigned char *d, const unsigned char *s, size_t n)
{
	for (; n >= 32; n -= 32, d += 32, s += 32) {
		u64 v0 = *(const u64 *)s, v1 = *(const u64 *)(s + 8);
		u64 v2 = *(const u64 *)(s + 16), v3 = *(const u64 *)(s + 24);

		*(u64 *)d = v0;
		*(u64 *)(d + 8) = v1;
		*(u64 *)(d + 16) = v2;
		*(u64 *)(d + 24) = v3;
		OPAQUE(d);
	}
	for (; n; n--, d++, s++) {
		*d = *s;
		OPAQUE(d);
	}
}

static void move_down(unsigned char *d, const unsigned char *s, size_t n)
{
	for (d += n, s += n; n >= 8; n -= 8) {
		d -= 8;
		s -= 8;
		*(u64 *)d = *(const u64 *)s;
		OPAQUE(d);
	}
	while (n--) {
		*--d = *--s;
		OPAQUE(d);
	}
}

void *rsh_memcpy_sig(void *dst, const void *src, size_t n)
{
	move_up(dst, src, n);
	return dst;
}

void *rsh_memmove_sig(void *dst, const void *src, size_t n)
{
	/* Also true if @dst is below @src: ascending order is right for both. */
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		move_up(dst, src, n);
	else
		move_down(dst, src, n);
	return dst;
}

void *rsh_memset_sig(void *dst, int value, size_t n)
{
	unsigned char *d = dst;
	u64 word = (unsigned char)value * 0x0101010101010101u;

	for (; n >= 8; n -= 8, d += 8) {
		*(u64 *)d = word;
		OPAQUE(d);
	}
	for (; n; n--, d++) {
		*d = (unsigned char)value;
		OPAQUE(d);
	}
	return dst;
}

int rsh_memcmp_sig(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;

	for (; n >= 8 && *(const u64 *)p == *(const u64 *)q; n -= 8, p += 8, q += 8)
		OPAQUE(p);
	for (; n; n--, p++, q++) {
		if (*p != *q)
			return *p - *q;
		OPAQUE(p);
	}
	return 0;
}
