/* SPDX-License-Identifier: BSD-2-Clause */
/* The encoding's smallest parts: checksums, numbers, and a buffer of any size. */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "core/checksum.h"
#include "cover/sink.h"

static void test_crc32(void)
{
	unsigned char bytes[300];

	/* The check value of zlib's polynomial. */
	CHECK_EQ(rshi_crc32_sig(0, "123456789", 9), 0xcbf43926);
	CHECK_EQ(rshi_crc32_sig(0, "", 0), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + 1);
	for (size_t i = 0; i <= sizeof(bytes); i++) {
		uint32_t first = rshi_crc32_sig(0, bytes, i);

		CHECK_EQ(rshi_crc32_sig(first, bytes + i, sizeof(bytes) - i),
		         rshi_crc32_sig(0, bytes, sizeof(bytes)));
	}
}

static void fnv(const char *text, size_t part, unsigned char hash[16])
{
	struct rshi_fnv h;
	size_t n = strlen(text);

	rshi_fnv_init_sig(&h);
	rshi_fnv_add_sig(&h, text, part);
	rshi_fnv_add_sig(&h, text + part, n - part);
	rshi_fnv_end_sig(&h, hash);
}

static void test_fnv(void)
{
	/* From the algorithm's own test vectors. */
	static const unsigned char of_nothing[16] = {0x6c, 0x62, 0x27, 0x2e, 0x07, 0xbb,
	                                             0x01, 0x42, 0x62, 0xb8, 0x21, 0x75,
	                                             0x62, 0x95, 0xc5, 0x8d};
	static const unsigned char of_foobar[16] = {0x34, 0x3e, 0x16, 0x62, 0x79, 0x3c, 0x64, 0xbf,
	                                            0x6f, 0x0d, 0x35, 0x97, 0xba, 0x44, 0x6f, 0x18};
	unsigned char hash[16] = {0}; /* MSan does not see it written */

	fnv("", 0, hash);
	CHECK(memcmp(hash, of_nothing, 16) == 0);
	for (size_t part = 0; part <= 6; part++) {
		fnv("foobar", part, hash);
		CHECK(memcmp(hash, of_foobar, 16) == 0);
	}
}

struct collected {
	unsigned char bytes[4096];
	size_t len;
	int calls;
	int fail_at;
};

static int collect(void *arg, const void *bytes, size_t n)
{
	struct collected *c = arg;

	if (++c->calls == c->fail_at)
		return ENOSPC;
	CHECK(n > 0 && n <= sizeof(c->bytes) - c->len);
	memcpy(c->bytes + c->len, bytes, n);
	c->len += n;
	return 0;
}

static void put_everything(struct rshi_sink *s)
{
	static const uint64_t numbers[] = {
	        0, 1, 127, 128, 300, 0x3fff, 0x4000, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX};
	char text[200];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		rshi_put_var(s, numbers[i]);
	rshi_put_u32(s, 0x01020304);
	rshi_put_u64(s, 0x0102030405060708);
	rshi_put_str(s, text);
	rshi_put_str(s, "");
	rshi_put_str(s, NULL);
}

static void test_sink(void)
{
	static unsigned char buf[4096];
	static struct collected whole, parts;
	struct rshi_sink s;
	uint64_t length;

	rshi_sink_count(&s);
	put_everything(&s);
	length = s.total;

	rshi_sink_init(&s, buf, sizeof(buf), collect, &whole);
	put_everything(&s);
	CHECK_EQ(rshi_sink_flush(&s), 0);
	CHECK_EQ(whole.len, length);
	CHECK_EQ(s.total, length);
	CHECK_EQ(s.crc, rshi_crc32_sig(0, whole.bytes, whole.len));
	CHECK(memcmp(whole.bytes, "\0\1\x7f\x80\1\xac\2\xff\x7f\x80\x80\1", 12) == 0);

	for (size_t size = RSHI_VAR_MAX; size < 300; size++) {
		memset(&parts, 0, sizeof(parts));
		rshi_sink_init(&s, buf, size, collect, &parts);
		put_everything(&s);
		CHECK_EQ(rshi_sink_flush(&s), 0);
		CHECK_EQ(parts.len, whole.len);
		CHECK_EQ(s.total, length);
		CHECK(memcmp(parts.bytes, whole.bytes, whole.len) == 0);
		CHECK_EQ(s.crc, rshi_crc32_sig(0, whole.bytes, whole.len));
	}
}

static void test_sink_stops_at_the_first_error(void)
{
	static unsigned char buf[16];
	static struct collected c;
	struct rshi_sink s;

	for (int at = 1; at < 8; at++) {
		memset(&c, 0, sizeof(c));
		c.fail_at = at;
		rshi_sink_init(&s, buf, sizeof(buf), collect, &c);
		put_everything(&s);
		CHECK_EQ(rshi_sink_flush(&s), ENOSPC);
		CHECK_EQ(c.calls, at);
	}
}

int main(void)
{
	rshi_crc32_init_sig();
	test_crc32();
	test_fnv();
	test_sink();
	test_sink_stops_at_the_first_error();
	return 0;
}
