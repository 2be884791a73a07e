/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory functions for signal handlers, x86-64.
 *
 * One rule shapes them: at no optimisation level may a compiler see a loop or an aggregate copy
 * that it knows as memcpy, memmove or memset, for the call it makes of that would reach the
 * detector's interceptor. So bytes move in single words and vectors, each loop passes a pointer
 * through an empty asm that the compiler cannot see behind, and there are no aggregates.
 *
 * Up to 128 bytes, everything is loaded before anything is stored. Above, loops over vectors; from
 * STRING_MIN on the string instructions, where the processor is fast at them. Which width a
 * processor has is found out before main, and costs nothing later.
 */

#include <stdint.h>

#include <immintrin.h>

#include <raceshim/sigsafe.h>

/* The widest vectors to use; narrower ones are for tests. */
#ifndef RSHI_WIDTH_MAX
#define RSHI_WIDTH_MAX 64
#endif

#define SHORT_MAX  128
#define STRING_MIN 4096 /* below, starting a string instruction costs more than it saves */

typedef uint16_t u16 __attribute__((may_alias, aligned(1)));
typedef uint32_t u32 __attribute__((may_alias, aligned(1)));
typedef uint64_t u64 __attribute__((may_alias, aligned(1)));
typedef char v16 __attribute__((vector_size(16), may_alias, aligned(1)));
typedef char v32 __attribute__((vector_size(32), may_alias, aligned(1)));
typedef char v64 __attribute__((vector_size(64), may_alias, aligned(1)));

/* Make the compiler forget what it knows about a pointer, and so which loop this is. */
#define OPAQUE(p) __asm__ volatile("" : "+r"(p) : : "memory")

#define VECTOR      v16
#define WIDTH       ((size_t)16)
#define NAMED(name) name##_16
#define TARGET
#define SPLAT(c)     ((v16)_mm_set1_epi8((char)(c)))
#define DIFFER(a, b) (0xffffu ^ (unsigned int)_mm_movemask_epi8((__m128i)((a) == (b))))
#include "sigsafe_blocks.h"

#define VECTOR       v32
#define WIDTH        ((size_t)32)
#define NAMED(name)  name##_32
#define TARGET       __attribute__((target("avx2")))
#define SPLAT(c)     ((v32)_mm256_set1_epi8((char)(c)))
#define DIFFER(a, b) (~(unsigned int)_mm256_movemask_epi8((__m256i)((a) == (b))))
#include "sigsafe_blocks.h"

#define VECTOR       v64
#define WIDTH        ((size_t)64)
#define NAMED(name)  name##_64
#define TARGET       __attribute__((target("avx512bw")))
#define SPLAT(c)     ((v64)_mm512_set1_epi8((char)(c)))
#define DIFFER(a, b) (_mm512_cmpneq_epi8_mask((__m512i)(a), (__m512i)(b)))
#include "sigsafe_blocks.h"

/* Immutable after init: set before main, or before dlopen returns. */
static int width = 16;
static int has_fast_strings;

/* Call the function of the right width for @n bytes, which are more than SHORT_MAX. */
#define LONG(name, n, ...)                                                                         \
	(width == 64 && (n) > 384 ? name##_64(__VA_ARGS__)                                         \
	 : width >= 32            ? name##_32(__VA_ARGS__)                                         \
	                          : name##_16(__VA_ARGS__))

static void cpuid(unsigned int leaf, unsigned int *a, unsigned int *b, unsigned int *c)
{
	unsigned int ax = leaf, bx, cx = 0, dx;

	__asm__ volatile("cpuid" : "+a"(ax), "=b"(bx), "+c"(cx), "=d"(dx));
	*a = ax;
	*b = bx;
	*c = cx;
}

/*
 * What the processor has and the kernel saves. Of the widest registers libc takes AMD's only, since
 * others slow the whole processor down for them; so do we.
 */
__attribute__((constructor)) static void find_features(void)
{
	unsigned int leaves, vendor, a, b, c, saved = 0, high;

	cpuid(0, &leaves, &vendor, &c);
	if (leaves < 7)
		return;
	cpuid(1, &a, &b, &c);
	if (c & (1u << 27)) /* xgetbv may be asked */
		__asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
	cpuid(7, &a, &b, &c);
	has_fast_strings = !!(b & (1u << 9));
	if ((saved & 0x06) == 0x06 && (b & (1u << 5)) && RSHI_WIDTH_MAX >= 32)
		width = 32;
	if ((saved & 0xe6) == 0xe6 && (b & (1u << 30)) &&
	    vendor == 0x68747541 /* Auth(enticAMD) */ && width == 32 && RSHI_WIDTH_MAX >= 64)
		width = 64;
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

/* 17..128 bytes, as vectors that meet or overlap in the middle. */
static inline void move_upto_128(unsigned char *d, const unsigned char *s, size_t n)
{
	const unsigned char *s_end = s + n;
	unsigned char *d_end = d + n;
	v16 h0 = *(const v16 *)s, t0 = *(const v16 *)(s_end - 16);

	if (n > 32) {
		v16 h1 = *(const v16 *)(s + 16), t1 = *(const v16 *)(s_end - 32);

		if (n > 64) {
			v16 h2 = *(const v16 *)(s + 32), t2 = *(const v16 *)(s_end - 48);
			v16 h3 = *(const v16 *)(s + 48), t3 = *(const v16 *)(s_end - 64);

			*(v16 *)(d + 32) = h2;
			*(v16 *)(d + 48) = h3;
			*(v16 *)(d_end - 64) = t3;
			*(v16 *)(d_end - 48) = t2;
		}
		*(v16 *)(d + 16) = h1;
		*(v16 *)(d_end - 32) = t1;
	}
	*(v16 *)d = h0;
	*(v16 *)(d_end - 16) = t0;
}

static inline void move_short(unsigned char *d, const unsigned char *s, size_t n)
{
	if (n <= 16)
		move_upto_16(d, s, n);
	else
		move_upto_128(d, s, n);
}

void *rsh_memcpy_sig(void *dst, const void *src, size_t n)
{
	void *d = dst;

	if (n <= SHORT_MAX)
		move_short(dst, src, n);
	else if (n < STRING_MIN || !has_fast_strings)
		return LONG(move_up, n, dst, src, n);
	else
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *rsh_memmove_sig(void *dst, const void *src, size_t n)
{
	if (n <= SHORT_MAX) {
		move_short(dst, src, n);
		return dst;
	}
	if ((uintptr_t)dst - (uintptr_t)src >= n) /* @dst below @src, or no overlap */
		return LONG(move_up, n, dst, src, n);
	return LONG(move_down, n, dst, src, n);
}

static inline void fill_upto_16(unsigned char *d, unsigned char c, size_t n)
{
	uint64_t word = c * UINT64_C(0x0101010101010101);

	if (n >= 8) {
		*(u64 *)d = word;
		*(u64 *)(d + n - 8) = word;
	} else if (n >= 4) {
		*(u32 *)d = (u32)word;
		*(u32 *)(d + n - 4) = (u32)word;
	} else if (n >= 2) {
		*(u16 *)d = (u16)word;
		*(u16 *)(d + n - 2) = (u16)word;
	} else if (n) {
		*d = c;
	}
}

static inline void fill_upto_128(unsigned char *d, unsigned char c, size_t n)
{
	v16 v = (v16)_mm_set1_epi8((char)c);

	if (n > 32) {
		if (n > 64) {
			*(v16 *)(d + 32) = v;
			*(v16 *)(d + 48) = v;
			*(v16 *)(d + n - 64) = v;
			*(v16 *)(d + n - 48) = v;
		}
		*(v16 *)(d + 16) = v;
		*(v16 *)(d + n - 32) = v;
	}
	*(v16 *)d = v;
	*(v16 *)(d + n - 16) = v;
}

void *rsh_memset_sig(void *dst, int value, size_t n)
{
	unsigned char c = (unsigned char)value;
	void *d = dst;

	if (n <= 16)
		fill_upto_16(dst, c, n);
	else if (n <= SHORT_MAX)
		fill_upto_128(dst, c, n);
	else if (n < STRING_MIN || !has_fast_strings)
		return LONG(fill, n, dst, c, n);
	else
		__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

static inline int compare_short(const unsigned char *p, const unsigned char *q, size_t n)
{
	unsigned int differ;

	for (; n >= 16; n -= 16, p += 16, q += 16) {
		v16 a = *(const v16 *)p, b = *(const v16 *)q;

		differ = 0xffffu ^ (unsigned int)_mm_movemask_epi8((__m128i)(a == b));
		if (differ)
			return p[__builtin_ctz(differ)] - q[__builtin_ctz(differ)];
		OPAQUE(p);
	}
	if (n >= 8 && *(const u64 *)p == *(const u64 *)q) {
		n -= 8;
		p += 8;
		q += 8;
	}
	for (; n; n--, p++, q++) {
		if (*p != *q)
			return *p - *q;
		OPAQUE(p);
	}
	return 0;
}

int rsh_memcmp_sig(const void *a, const void *b, size_t n)
{
	if (n <= SHORT_MAX)
		return compare_short(a, b, n);
	return LONG(compare, n, a, b, n);
}
