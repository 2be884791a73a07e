/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes into gzip comes out again: with no argument, for many inputs, by a decoder that is
 * written from RFC 1951 and nothing else; with one, what is on stdin goes to stdout.
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "core/checksum.h"
#include "encode/gzip.h"

#define LARGEST 300000
#define HEAD    10
#define TAIL    8

static struct rshi_gzip z;
static unsigned char input[LARGEST], packed[LARGEST + LARGEST / 8 + 64], output[LARGEST];

struct sink {
	size_t n, calls, fail_at;
};

static int take(void *arg, const void *buf, size_t n)
{
	struct sink *s = arg;

	CHECK(n > 0);
	if (++s->calls == s->fail_at)
		return EDQUOT;
	CHECK(s->n + n <= sizeof(packed));
	memcpy(packed + s->n, buf, n);
	s->n += n;
	return 0;
}

static size_t bit_at; /* in packed */

static unsigned int bits(unsigned int n)
{
	unsigned int v = 0;

	for (unsigned int i = 0; i < n; i++, bit_at++)
		v |= (unsigned int)(packed[bit_at / 8] >> bit_at % 8 & 1) << i;
	return v;
}

static unsigned int code(unsigned int n)
{
	unsigned int v = 0;

	while (n--)
		v = v << 1 | bits(1);
	return v;
}

static unsigned int symbol(void)
{
	unsigned int v = code(7);

	if (v < 24)
		return 256 + v;
	v = v << 1 | bits(1);
	if (v < 0xc0)
		return v - 0x30;
	if (v < 0xc8)
		return 280 + v - 0xc0;
	return 144 + (v << 1 | bits(1)) - 0x190;
}

/* The table of the RFC. */
static const unsigned int length_base[] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                           15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                           67, 83, 99, 115, 131, 163, 195, 227, 258};
static const unsigned int length_extra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                            2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const unsigned int distance_base[] = {
        1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

/* Decode what is packed; returns how many bytes it was. */
static size_t unpack(size_t n)
{
	size_t at = 0;

	bit_at = HEAD * 8;
	CHECK_EQ(bits(1), 1);
	CHECK_EQ(bits(2), 1);
	for (;;) {
		unsigned int s = symbol(), length, d, distance;

		CHECK(bit_at <= 8 * (n - TAIL));
		if (s < 256) {
			CHECK(at < sizeof(output));
			output[at++] = (unsigned char)s;
			continue;
		}
		if (s == 256)
			break;
		CHECK(s <= 285);
		length = length_base[s - 257] + bits(length_extra[s - 257]);
		d = code(5);
		CHECK(d < 30);
		distance = distance_base[d] + bits(d < 4 ? 0 : d / 2 - 1);
		CHECK(distance <= at);
		CHECK(at + length <= sizeof(output));
		for (; length; length--, at++)
			output[at] = output[at - distance];
	}
	bit_at = (bit_at + 7) / 8 * 8;
	CHECK_EQ(bit_at, 8 * (n - TAIL));
	return at;
}

/* Pack the first @n bytes of input, in pieces of @piece bytes. */
static size_t pack(size_t n, size_t piece)
{
	struct sink sink = {0};
	struct rsh_writer writer = {take, &sink};

	rshi_gzip_begin(&z, &writer);
	for (size_t i = 0; i < n; i += piece)
		rshi_gzip_put(&z, input + i, n - i < piece ? n - i : piece);
	CHECK_EQ(rshi_gzip_end(&z), 0);
	return sink.n;
}

static void check(size_t n, size_t piece)
{
	size_t size = pack(n, piece);
	unsigned int low;

	CHECK_EQ(unpack(size), n);
	CHECK_EQ(memcmp(input, output, n), 0);
	low = bits(16);
	CHECK_EQ(low | bits(16) << 16, rshi_crc32_sig(0, input, n));
	low = bits(16);
	CHECK_EQ(low | bits(16) << 16, n);
}

static uint32_t next_random(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

static void test_every_small_length(void)
{
	for (size_t i = 0; i < LARGEST; i++)
		input[i] = (unsigned char)"abcabcabdabcabce"[i % 16];
	for (size_t n = 0; n < 600; n++)
		check(n, 7);
}

/* Copies of random lengths from random distances, with new bytes between them. */
static void test_matches_of_every_kind(void)
{
	size_t at = 0;

	while (at < LARGEST) {
		size_t n = 1 + next_random() % (next_random() % 2 ? 8 : 400), back;

		n = n < LARGEST - at ? n : LARGEST - at;
		back = at ? 1 + next_random() % (at < 40000 ? at : 40000) : 0;
		for (size_t i = 0; i < n; i++, at++)
			input[at] = back && n > 3 ? input[at - back] : (unsigned char)next_random();
	}
	check(LARGEST, LARGEST);
	check(LARGEST, 1);
	check(LARGEST - 1, 4097);
	for (size_t n = 2 * RSHI_GZIP_WINDOW - 3; n <= 2 * RSHI_GZIP_WINDOW + 3; n++)
		check(n, 100);
	for (size_t n = 3 * RSHI_GZIP_WINDOW - 3; n <= 3 * RSHI_GZIP_WINDOW + 3; n++)
		check(n, 100);
}

static void test_what_does_not_compress(void)
{
	for (size_t i = 0; i < LARGEST; i++)
		input[i] = (unsigned char)next_random();
	check(LARGEST, 10000);
}

static void test_the_longest_match(void)
{
	memset(input, 'x', sizeof(input));
	check(LARGEST, 10000);
	CHECK(pack(LARGEST, LARGEST) < LARGEST / 100);
}

static void test_a_writer_that_fails(void)
{
	struct sink sink = {0};
	struct rsh_writer writer = {take, &sink};
	size_t calls;

	for (size_t i = 0; i < LARGEST; i++)
		input[i] = (unsigned char)next_random();
	for (calls = 1;; calls++) {
		int err;

		memset(&sink, 0, sizeof(sink));
		sink.fail_at = calls;
		rshi_gzip_begin(&z, &writer);
		rshi_gzip_put(&z, input, LARGEST);
		err = rshi_gzip_end(&z);
		if (!err)
			break;
		CHECK_EQ(err, EDQUOT);
		CHECK_EQ(sink.calls, calls);
	}
	CHECK(calls > 10);
}

static int copy_out(void *arg, const void *buf, size_t n)
{
	(void)arg;
	return write(1, buf, n) == (ssize_t)n ? 0 : EIO;
}

static int filter(void)
{
	struct rsh_writer writer = {copy_out, NULL};
	ssize_t n;

	rshi_gzip_begin(&z, &writer);
	while ((n = read(0, input, sizeof(input))) > 0)
		rshi_gzip_put(&z, input, (size_t)n);
	return rshi_gzip_end(&z);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return filter();
	test_every_small_length();
	test_matches_of_every_kind();
	test_what_does_not_compress();
	test_the_longest_match();
	test_a_writer_that_fails();
	return 0;
}
