/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The long cases of the handlers' memory functions, for one width of vector register. Included once
 * for each width by sigsafe_x86_64_sig.c, which defines before:
 *
 *   VECTOR         type of a register's contents, at any address and aliasing anything
 *   WIDTH          its size in bytes, a size_t
 *   NAMED(name)    the function's name at this width
 *   TARGET         attribute that lets the compiler use these registers
 *   SPLAT(c)       vector of bytes @c
 *   DIFFER(a, b)   bit mask of the bytes in which two vectors differ
 *
 * All of them take BLOCK bytes at least. Loops store to aligned addresses; what this leaves over at
 * both ends is loaded before the first store and stored after the last, so overlap does no harm.
 */

#define BLOCK    (4 * WIDTH)
#define AT(p, i) (*(VECTOR *)((p) + (i) * WIDTH))
#define IN(p, i) (*(const VECTOR *)((p) + (i) * WIDTH))

/* In ascending order: right if @d is below @s or does not overlap it. */
TARGET static void *NAMED(move_up)(unsigned char *d, const unsigned char *s, size_t n)
{
	unsigned char *first = d, *last = d + n - BLOCK;
	const unsigned char *end = s + n - BLOCK;
	VECTOR head = IN(s, 0), t0 = IN(end, 0), t1 = IN(end, 1), t2 = IN(end, 2), t3 = IN(end, 3);
	ptrdiff_t distance = s - d;

	for (d += WIDTH - (uintptr_t)d % WIDTH; d < last; d += BLOCK) {
		const unsigned char *from = d + distance;
		VECTOR v0 = IN(from, 0), v1 = IN(from, 1), v2 = IN(from, 2), v3 = IN(from, 3);

		AT(d, 0) = v0;
		AT(d, 1) = v1;
		AT(d, 2) = v2;
		AT(d, 3) = v3;
		OPAQUE(d);
	}
	AT(last, 0) = t0;
	AT(last, 1) = t1;
	AT(last, 2) = t2;
	AT(last, 3) = t3;
	AT(first, 0) = head;
	return first;
}

/* In descending order: right if @d is above @s or does not overlap it. */
TARGET static void *NAMED(move_down)(unsigned char *d, const unsigned char *s, size_t n)
{
	unsigned char *first = d, *last = d + n - WIDTH;
	VECTOR h0 = IN(s, 0), h1 = IN(s, 1), h2 = IN(s, 2), h3 = IN(s, 3);
	VECTOR tail = IN(s + n - WIDTH, 0);
	ptrdiff_t distance = s - d;

	d += n;
	for (d -= (uintptr_t)d % WIDTH; d > first + BLOCK;) {
		const unsigned char *from;
		VECTOR v0, v1, v2, v3;

		d -= BLOCK;
		OPAQUE(d);
		from = d + distance;
		v0 = IN(from, 0), v1 = IN(from, 1), v2 = IN(from, 2), v3 = IN(from, 3);
		AT(d, 3) = v3;
		AT(d, 2) = v2;
		AT(d, 1) = v1;
		AT(d, 0) = v0;
	}
	AT(first, 0) = h0;
	AT(first, 1) = h1;
	AT(first, 2) = h2;
	AT(first, 3) = h3;
	AT(last, 0) = tail;
	return first;
}

TARGET static void *NAMED(fill)(unsigned char *d, unsigned char c, size_t n)
{
	unsigned char *first = d, *last = d + n - BLOCK;
	VECTOR v = SPLAT(c);

	for (d += WIDTH - (uintptr_t)d % WIDTH; d < last; d += BLOCK) {
		AT(d, 0) = v;
		AT(d, 1) = v;
		AT(d, 2) = v;
		AT(d, 3) = v;
		OPAQUE(d);
	}
	AT(last, 0) = v;
	AT(last, 1) = v;
	AT(last, 2) = v;
	AT(last, 3) = v;
	AT(first, 0) = v;
	return first;
}

/* Difference of the first bytes that differ within one block; 0 if none do. */
TARGET static int NAMED(compare_block)(const unsigned char *p, const unsigned char *q)
{
	for (size_t i = 0; i < 4; i++) {
		uint64_t differ = DIFFER(IN(p, i), IN(q, i));

		if (differ) {
			size_t at = i * WIDTH + (size_t)__builtin_ctzll(differ);

			return p[at] - q[at];
		}
	}
	return 0;
}

TARGET static int NAMED(compare)(const unsigned char *p, const unsigned char *q, size_t n)
{
	const unsigned char *last = p + n - BLOCK;
	ptrdiff_t distance = q - p;

	for (; p < last; p += BLOCK) {
		VECTOR v = (IN(p, 0) ^ IN(p + distance, 0)) | (IN(p, 1) ^ IN(p + distance, 1)) |
		           (IN(p, 2) ^ IN(p + distance, 2)) | (IN(p, 3) ^ IN(p + distance, 3));

		if (DIFFER(v, v ^ v))
			return NAMED(compare_block)(p, p + distance);
		OPAQUE(p);
	}
	return NAMED(compare_block)(last, last + distance);
}

#undef BLOCK
#undef AT
#undef IN
#undef VECTOR
#undef WIDTH
#undef NAMED
#undef TARGET
#undef SPLAT
#undef DIFFER
