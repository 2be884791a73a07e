/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory functions for signal handlers, x86-64.
 *
 * One rule shapes them: at no optimisation level may a compiler see a loop or an aggregate copy
 * that it knows as memcpy, memmove or memset, for its call would be the detector's interceptor.
 * So bytes move in single unaligned words and 16-byte vectors, each loop passes its pointers
 * through an empty asm that the compiler cannot see behind, and large blocks are left to the string
 * instructions.
 *
 * Sizes up to 128 bytes load everything before they store anything: overlap does not matter there.
 */

#include <stdint.h>

#include <emmintrin.h>

#include <raceshim/sigsafe.h>

/* From here on the string instructions beat 16-byte vectors (bench/sigsafe). */
#define STRING_MIN 2048

typedef uint16_t u16 __attribute__((may_alias, aligned(1)));
typedef uint32_t u32 __attribute__((may_alias, aligned(1)));
typedef uint64_t u64 __attribute__((may_alias, aligned(1)));

/* Make the compiler forget what it knows about a pointer, and with that which loop this is. */
#define OPAQUE(p) __asm__ volatile("" : "+r"(p) : : "memory")

static inline __m128i load(const unsigned char *p)
{
	return _mm_loadu_si128((const __m128i_u *)p);
}

static inline void store(unsigned char *p, __m128i v)
{
	_mm_storeu_si128((__m128i_u *)p, v);
}

static inline void move_upto_16(unsigned char *d, const unsigned char *s, size_t n)
{
	if (n >= 8) {
		u64 head = *(const u64 *)s, tail = *(const u64 *)(s + n - 8);

		*(u64 *)d = head;
		*(u64 *)(d + n - 8) = tail;
	} else if (n >= 4) {
		u32 head = *(const u32 *)s, tail = *(const u32 *)(s + n - 4);

		*(u32 *)d = head;
		*(u32 *)(d + n - 4) = tail;
	} else if (n >= 2) {
		u16 head = *(const u16 *)s, tail = *(const u16 *)(s + n - 2);

		*(u16 *)d = head;
		*(u16 *)(d + n - 2) = tail;
	} else if (n) {
		*d = *s;
	}
}

/* 17..128 bytes: from both ends towards the middle, the last blocks overlap. */
static inline void move_upto_128(unsigned char *d, const unsigned char *s, size_t n)
{
	__m128i h0 = load(s), t0 = load(s + n - 16);

	if (n > 32) {
		__m128i h1 = load(s + 16), t1 = load(s + n - 32);

		if (n > 64) {
			__m128i h2 = load(s + 32), h3 = load(s + 48);
			__m128i t2 = load(s + n - 48), t3 = load(s + n - 64);

			store(d + 32, h2);
			store(d + 48, h3);
			store(d + n - 64, t3);
			store(d + n - 48, t2);
		}
		store(d + 16, h1);
		store(d + n - 32, t1);
	}
	store(d, h0);
	store(d + n - 16, t0);
}

/* More than 64 bytes, in ascending order: right if @d is below @s, or far from it. */
static inline void move_up(unsigned char *d, const unsigned char *s, size_t n)
{
	__m128i t0 = load(s + n - 64), t1 = load(s + n - 48);
	__m128i t2 = load(s + n - 32), t3 = load(s + n - 16);
	unsigned char *last = d + n - 64;

	while (d < last) {
		__m128i v0 = load(s), v1 = load(s + 16), v2 = load(s + 32), v3 = load(s + 48);

		store(d, v0);
		store(d + 16, v1);
		store(d + 32, v2);
		store(d + 48, v3);
		d += 64;
		s += 64;
		OPAQUE(d);
		OPAQUE(s);
	}
	store(last, t0);
	store(last + 16, t1);
	store(last + 32, t2);
	store(last + 48, t3);
}

/* More than 64 bytes, in descending order: right if @d is above @s. */
static inline void move_down(unsigned char *d, const unsigned char *s, size_t n)
{
	__m128i h0 = load(s), h1 = load(s + 16), h2 = load(s + 32), h3 = load(s + 48);
	unsigned char *first = d;

	d += n;
	s += n;
	while (d > first + 64) {
		__m128i v0, v1, v2, v3;

		d -= 64;
		s -= 64;
		OPAQUE(d);
		OPAQUE(s);
		v0 = load(s), v1 = load(s + 16), v2 = load(s + 32), v3 = load(s + 48);
		store(d, v0);
		store(d + 16, v1);
		store(d + 32, v2);
		store(d + 48, v3);
	}
	store(first, h0);
	store(first + 16, h1);
	store(first + 32, h2);
	store(first + 48, h3);
}

void *rsh_memcpy_sig(void *dst, const void *src, size_t n)
{
	if (n <= 16) {
		move_upto_16(dst, src, n);
	} else if (n <= 128) {
		move_upto_128(dst, src, n);
	} else if (n < STRING_MIN) {
		move_up(dst, src, n);
	} else {
		void *d = dst;

		__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	}
	return dst;
}

void *rsh_memmove_sig(void *dst, const void *src, size_t n)
{
	/* Also true if @dst is below @src: ascending order is right for both. */
	if (n <= 128 || (uintptr_t)dst - (uintptr_t)src >= n)
		return rsh_memcpy_sig(dst, src, n);
	move_down(dst, src, n);
	return dst;
}

void *rsh_memset_sig(void *dst, int value, size_t n)
{
	unsigned char *d = dst, *last;
	u64 word = (unsigned char)value * 0x0101010101010101u;
	__m128i v = _mm_set1_epi8((char)value);

	if (n >= STRING_MIN) {
		__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(value) : "memory");
	} else if (n >= 16) {
		last = d + n - 16;
		while (d < last) {
			store(d, v);
			d += 16;
			OPAQUE(d);
		}
		store(last, v);
	} else if (n >= 8) {
		*(u64 *)d = word;
		*(u64 *)(d + n - 8) = word;
	} else if (n >= 4) {
		*(u32 *)d = (u32)word;
		*(u32 *)(d + n - 4) = (u32)word;
	} else if (n >= 2) {
		*(u16 *)d = (u16)word;
		*(u16 *)(d + n - 2) = (u16)word;
	} else if (n) {
		*d = (unsigned char)word;
	}
	return dst;
}

/* The first of 16 bytes that differs; 16 if none does. */
static inline unsigned int first_difference(const unsigned char *a, const unsigned char *b)
{
	unsigned int same = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(load(a), load(b)));

	return (unsigned int)__builtin_ctz(~same);
}

int rsh_memcmp_sig(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b, *end = p + n;
	unsigned int i;

	while (end - p >= 16) {
		i = first_difference(p, q);
		if (i < 16)
			return p[i] - q[i];
		p += 16;
		q += 16;
		OPAQUE(p);
	}
	if (p < end && n >= 16) {
		/* The last 16 bytes; those seen before are equal. */
		q -= 16 - (end - p);
		p = end - 16;
		i = first_difference(p, q);
		return i < 16 ? p[i] - q[i] : 0;
	}
	while (p < end) {
		if (*p != *q)
			return *p - *q;
		p++;
		q++;
		OPAQUE(p);
	}
	return 0;
}
