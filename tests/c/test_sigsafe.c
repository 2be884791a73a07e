/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handlers' memory functions against libc's: results, and not a byte beside them.
 *
 * Built once for each implementation and vector width.
 */

#include <stdint.h>
#include <string.h>

#include <raceshim/sigsafe.h>

#include "check.h"

#define DENSE      4500 /* past the size from which string instructions are used */
#define LINE       64   /* alignments, and untouched bytes on both sides */
#define LARGE      ((size_t)1 << 20)
#define ARRAY_SIZE (LARGE + 8 * LINE)

static _Alignas(LINE) unsigned char source[ARRAY_SIZE];
static _Alignas(LINE) unsigned char got[ARRAY_SIZE];
static _Alignas(LINE) unsigned char expected[ARRAY_SIZE];

static void fill_pattern(unsigned char *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (unsigned char)(seed >> 24);
	}
}

static void check_copy(size_t n, size_t dst_at, size_t src_at)
{
	size_t span = n + 4 * LINE;

	memset(got, 0xa5, span);
	memset(expected, 0xa5, span);
	memcpy(expected + LINE + dst_at, source + src_at, n);
	CHECK(rsh_memcpy_sig(got + LINE + dst_at, source + src_at, n) == got + LINE + dst_at);
	CHECK(memcmp(got, expected, span) == 0);
}

static void check_set(size_t n, size_t at, int value)
{
	size_t span = n + 4 * LINE;

	memset(got, 0xa5, span);
	memset(expected, 0xa5, span);
	memset(expected + LINE + at, value, n);
	CHECK(rsh_memset_sig(got + LINE + at, value, n) == got + LINE + at);
	CHECK(memcmp(got, expected, span) == 0);
}

static void check_move(size_t n, size_t dst_at, size_t src_at)
{
	size_t span = n + (dst_at > src_at ? dst_at : src_at) + LINE;

	memcpy(got, source, span);
	memcpy(expected, source, span);
	memmove(expected + dst_at, expected + src_at, n);
	CHECK(rsh_memmove_sig(got + dst_at, got + src_at, n) == got + dst_at);
	CHECK(memcmp(got, expected, span) == 0);
}

/* The first difference decides, as unsigned bytes, whatever comes after it. */
static void check_compare(size_t n, size_t a_at, size_t b_at, size_t differ_at)
{
	unsigned char *a = got + a_at, *b = expected + b_at;

	memcpy(a, source, n);
	memcpy(b, source, n);
	CHECK_EQ(rsh_memcmp_sig(a, b, n), 0);
	if (differ_at >= n)
		return;
	a[differ_at] = 0x7f;
	b[differ_at] = 0x80;
	if (differ_at + 1 < n) {
		a[n - 1] = 0xff;
		b[n - 1] = 0x00;
	}
	CHECK(rsh_memcmp_sig(a, b, n) < 0);
	CHECK(rsh_memcmp_sig(b, a, n) > 0);
	CHECK_EQ(rsh_memcmp_sig(a, b, differ_at), 0);
}

static void test_copy_and_set(void)
{
	static const size_t others[] = {0, 1, 8, 15, 16, 31, 33, 63};

	for (size_t n = 0; n <= DENSE; n++) {
		check_copy(n, 0, 0);
		check_copy(n, n % LINE, n * 7 % LINE);
		check_set(n, n % LINE, (int)n);
	}
	/* Every alignment of both sides, where ends, blocks and the rest all take part. */
	for (size_t n = 1; n <= 600; n += n < 140 ? 1 : 23) {
		for (size_t at = 0; at < LINE; at++) {
			for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
				check_copy(n, at, others[i]);
			check_copy(n, 0, at);
			check_set(n, at, 0xff);
		}
	}
	check_copy(LARGE, 0, 0);
	check_copy(LARGE, 3, 5);
	check_copy(LARGE - 1, 1, 63);
	check_set(LARGE, 5, 0x3c);
	check_set(9, 1, 0x1234); /* only the low byte counts */
	CHECK_EQ(got[LINE + 1], 0x34);
}

static void test_move(void)
{
	for (size_t n = 0; n <= DENSE; n += n < 700 ? 1 : 37) {
		size_t shifts[] = {0, 1, 7, 16, 31, 64, 129, n / 2, n ? n - 1 : 0, n};

		for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
			check_move(n, LINE + n % 5, LINE + n % 5 + shifts[i]);
			check_move(n, LINE + n % 5 + shifts[i], LINE + n % 5);
		}
	}
	check_move(LARGE, LINE, LINE + 1);
	check_move(LARGE, LINE + 1, LINE);
	check_move(LARGE, LINE, LINE + 100);
	check_move(LARGE, LINE + 100, LINE);
}

static void test_compare(void)
{
	for (size_t n = 0; n <= DENSE; n += n < 600 ? 1 : 61) {
		for (size_t at = 0; at < n; at += n < 150 ? 1 : n / 29)
			check_compare(n, n % LINE, at % LINE, at);
		check_compare(n, 0, 1, n ? n - 1 : 0);
		check_compare(n, 1, 0, n);
	}
	check_compare(LARGE, 3, 0, LARGE - 1);
	check_compare(LARGE, 0, 0, LARGE / 2);
}

static void test_nothing_is_anywhere(void)
{
	CHECK(!rsh_memcpy_sig(NULL, NULL, 0));
	CHECK(!rsh_memmove_sig(NULL, NULL, 0));
	CHECK(!rsh_memset_sig(NULL, 1, 0));
	CHECK_EQ(rsh_memcmp_sig(NULL, NULL, 0), 0);
}

int main(void)
{
	fill_pattern(source, ARRAY_SIZE, 1);
	test_copy_and_set();
	test_move();
	test_compare();
	test_nothing_is_anywhere();
	return 0;
}
