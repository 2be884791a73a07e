/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables that no compiler here writes, but the standard allows, and broken ones: made by hand
 * in an object that is one page.
 */

#include <stdint.h>
#include <string.h>

#include "check.h"
#include "core/dwarf.h"
#include "core/unwind.h"

#define SIZE  512
#define PC    0x1000 /* of the function, from the object's start */
#define LONG  0x200  /* bytes of code */
#define ENTRY 64     /* where the shared part is */

static _Alignas(16) uint8_t page[SIZE];
static struct rshi_object object;
static size_t at;

static void put(uint64_t value, size_t size)
{
	CHECK(at + size <= SIZE);
	memcpy(page + at, &value, size);
	at += size;
}

static void put_bytes(const void *bytes, size_t n)
{
	CHECK(at + n <= SIZE);
	memcpy(page + at, bytes, n);
	at += n;
}

/* What there is to choose in the tables of one function. */
struct shape {
	unsigned int version;
	const char *augmentation;
	uint8_t data[16]; /* behind the 'z' */
	size_t data_size;
	int wide;          /* lengths of 64 bits */
	uint8_t hdr_frame; /* encodings in the index */
	uint8_t hdr_count;
	unsigned int pointer_size; /* in the function's own part, relative to itself */
};

static const struct shape usual = {1, "zR", {0x1b}, 1, 0, 0x1b, 0x03, 4};

static size_t begin(const struct shape *s)
{
	if (s->wide)
		put(UINT32_MAX, 4);
	put(0, s->wide ? 8 : 4);
	return at;
}

static void end(const struct shape *s, size_t from)
{
	uint64_t length = at - from;

	memcpy(page + from - (s->wide ? 8 : 4), &length, s->wide ? 8 : 4);
}

/* Index, shared part, function; returns where the function's part is. */
static size_t make(const struct shape *s)
{
	static const uint8_t common[] = {0x0c, 7, 8, 0x80 + 16,
	                                 1};           /* cfa = rsp + 8, rip at cfa - 8 */
	static const uint8_t own[] = {0x41, 0x0e, 16}; /* one byte on: cfa = rsp + 16 */
	size_t function, from;
	uintptr_t pc = (uintptr_t)page + PC;

	memset(page, 0, sizeof(page));
	object = (struct rshi_object){
	        .start = (uintptr_t)page, .end = (uintptr_t)page + SIZE, .index = page};

	at = ENTRY;
	from = begin(s);
	put(0, 4);
	put(s->version, 1);
	put_bytes(s->augmentation, strlen(s->augmentation) + 1);
	if (s->version == 4)
		put(8, 2);
	put(1, 1); /* code is aligned to 1, data to -8 */
	put(0x78, 1);
	put(16, 1);
	if (s->augmentation[0] == 'z') {
		put(s->data_size, 1);
		put_bytes(s->data, s->data_size);
	}
	put_bytes(common, sizeof(common));
	end(s, from);

	function = at;
	from = begin(s);
	put(at - ENTRY, 4);
	put(s->pointer_size == 8 && !(s->data[0] & 0x10) ? pc : pc - (uintptr_t)(page + at),
	    s->pointer_size);
	put(LONG, s->pointer_size);
	if (s->augmentation[0] == 'z')
		put(0, 1);
	put_bytes(own, sizeof(own));
	end(s, from);

	at = 0;
	put(1, 1);
	put(s->hdr_frame, 1);
	put(s->hdr_count, 1);
	put(0x3b, 1);
	if (s->hdr_frame != 0xff)
		put(ENTRY - at, 4);
	put(2, 4);
	put(PC, 4);
	put(function, 4);
	put(PC + LONG, 4);
	put(function, 4);
	return function;
}

static int find(uintptr_t pc, struct rshi_fde *fde)
{
	return rshi_fde_find_sig(&object, (uintptr_t)page + pc, fde);
}

static int finds(void)
{
	struct rshi_fde fde;

	return find(PC + 1, &fde);
}

/* It is found, and its rules are those of make(). */
static void check_shape(const struct shape *s, int signal_frame)
{
	struct rshi_fde fde;
	struct rshi_row row;

	make(s);
	CHECK_EQ(find(PC, &fde), 0);
	CHECK_EQ(fde.pc, (uintptr_t)page + PC);
	CHECK_EQ(fde.end, (uintptr_t)page + PC + LONG);
	CHECK_EQ(fde.code_align, 1);
	CHECK_EQ(fde.data_align, -8);
	CHECK_EQ(fde.return_register, 16);
	CHECK_EQ(fde.signal_frame, signal_frame);
	CHECK_EQ(find(PC + LONG - 1, &fde), 0);
	CHECK_EQ(find(PC - 1, &fde), RSHI_END_NO_CFI);
	CHECK_EQ(find(PC + LONG, &fde), RSHI_END_NO_CFI);

	CHECK_EQ(find(PC, &fde), 0);
	CHECK_EQ(rshi_row_find_sig(&fde, fde.pc, &row), 0);
	CHECK(row.cfa_register == 7 && row.cfa_value == 8 && !row.cfa_is_expression);
	CHECK(row.rule[16] == RSHI_AT_OFFSET && row.value[16] == -8);
	CHECK_EQ(rshi_row_find_sig(&fde, fde.pc + 1, &row), 0);
	CHECK(row.cfa_register == 7 && row.cfa_value == 16);
}

static void test_shapes(void)
{
	struct shape s = usual;

	check_shape(&s, 0);
	s.wide = 1;
	check_shape(&s, 0);
	s.wide = 0;
	s.version = 3;
	check_shape(&s, 0);
	s.version = 4;
	check_shape(&s, 0);
	s.version = 1;
	s.hdr_frame = 0xff;
	s.hdr_count = 0x0b;
	check_shape(&s, 0);

	/* Personality routine (relative to itself, and absolute), language data, signal frame. */
	s = (struct shape){1, "zPLRS", {0x1b, 1, 2, 3, 4, 0x1b, 0x1b}, 7, 0, 0x1b, 0x03, 4};
	check_shape(&s, 1);
	s = (struct shape){1, "zPR", {0x00, 1, 2, 3, 4, 5, 6, 7, 8, 0x1b}, 10, 0, 0x1b, 0x03, 4};
	check_shape(&s, 0);
	/* Absolute pointers: without an augmentation, and by an encoding. */
	s = (struct shape){1, "", {0}, 0, 0, 0x1b, 0x03, 8};
	check_shape(&s, 0);
	s = (struct shape){1, "zR", {0x00}, 1, 0, 0x1b, 0x03, 8};
	check_shape(&s, 0);
	s = (struct shape){1, "zR", {0x1c}, 1, 0, 0x1b, 0x03, 8}; /* relative to itself again */
	check_shape(&s, 0);
}

static void test_broken_tables(void)
{
	struct rshi_fde fde;
	struct shape s = usual;
	size_t function = make(&s);

	/* The index. */
	object.index = NULL;
	CHECK_EQ(finds(), RSHI_END_NO_CFI);
	object.index = page;
	object.start = (uintptr_t)page + 1;
	CHECK_EQ(finds(), RSHI_END_NO_CFI);
	make(&s);
	object.index = page + SIZE;
	CHECK_EQ(finds(), RSHI_END_NO_CFI);
	make(&s);
	CHECK_EQ(finds(), 0);
	page[0] = 2;
	CHECK_EQ(finds(), RSHI_END_NO_CFI);
	make(&s);
	page[3] = 0x1b; /* not sorted */
	CHECK_EQ(finds(), RSHI_END_NO_CFI);
	make(&s);
	page[2] = 0x0d; /* no format */
	CHECK_EQ(finds(), RSHI_END_NO_CFI);
	make(&s);
	page[8] = 200; /* more entries than bytes */
	CHECK_EQ(finds(), RSHI_END_NO_CFI);
	make(&s);
	object.end = (uintptr_t)page + 6;
	CHECK_EQ(finds(), RSHI_END_NO_CFI);
	make(&s);
	memset(page + 16, 0x7f, 4); /* the function is outside of the object */
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);

	/* The function's part: its length, and the way back to what it shares. */
	make(&s);
	memset(page + function, 0x7f, 4);
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	make(&s);
	memset(page + function + 4, 0, 4);
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	make(&s);
	memset(page + function + 4, 0x7f, 4);
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	make(&s);
	page[function] = 6; /* ends in a pointer */
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	make(&s);
	page[function + 16] = 100; /* more data for exceptions than there is */
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);

	/* The shared part. */
	make(&s);
	page[ENTRY + 4] = 1; /* is none */
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	make(&s);
	page[ENTRY] = 6; /* ends in the augmentation's name */
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	s.version = 2;
	make(&s);
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	s = usual;
	s.augmentation = "eh";
	make(&s);
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	s.augmentation = "zX";
	make(&s);
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	s.augmentation = "zRLLLL"; /* more letters than data */
	make(&s);
	CHECK_EQ(finds(), RSHI_END_BAD_CFI);
	s = usual;
	s.data[0] = 0x9b; /* functions at an address that is stored elsewhere */
	make(&s);
	CHECK_EQ(find(PC + 1, &fde), RSHI_END_BAD_CFI);
}

static void test_pointers(void)
{
	static const uint8_t bytes[] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	const uintptr_t here = (uintptr_t)bytes;
	const struct {
		unsigned int encoding;
		uintptr_t data, expected;
		size_t size;
		int bad;
	} cases[] = {
	        {0x00, 0, 0x7ffffffffffffffe, 8, 0},
	        {0x04, 0, 0x7ffffffffffffffe, 8, 0},
	        {0x0c, 0, 0x7ffffffffffffffe, 8, 0},
	        {0x01, 0, 0x00fffffffffffffe, 8, 0}, /* seven bits a byte */
	        {0x09, 0, (uintptr_t)-2, 8, 0},
	        {0x02, 0, 0xfffe, 2, 0},
	        {0x03, 0, 0xfffffffe, 4, 0},
	        {0x0a, 0, (uintptr_t)-2, 2, 0},
	        {0x0b, 0, (uintptr_t)-2, 4, 0},
	        {0x1b, 0, here - 2, 4, 0},
	        {0x3b, 5000, 4998, 4, 0},
	        {0xff, 0, 0, 0, 0}, /* there is none */
	        {0x3b, 0, 0, 0, 1}, /* relative to what? */
	        {0x4b, 0, 0, 0, 1}, /* to the function */
	        {0x9b, 0, 0, 0, 1}, /* where the pointer is that is there */
	        {0x80, 0, 0, 0, 1}, /* where the pointer is */
	        {0x05, 0, 0, 0, 1}, /* no format */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rshi_bytes b = {bytes, bytes + sizeof(bytes), 0};
		uintptr_t found = rshi_pointer_sig(&b, cases[i].encoding, cases[i].data);

		CHECK_EQ(b.bad, cases[i].bad);
		if (b.bad)
			continue;
		CHECK(b.p == bytes + cases[i].size);
		CHECK_EQ(found, cases[i].expected);
	}
}

static void test_numbers(void)
{
	/* 2 to the power of 63 needs ten bytes; what is beyond 64 bits is dropped. */
	static const uint8_t big[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
	static const uint8_t bigger[] = {0x81, 0x80, 0x80, 0x80, 0x80, 0x80,
	                                 0x80, 0x80, 0x80, 0x80, 0x01};
	static const uint8_t open[] = {0x80, 0x80};
	struct rshi_bytes b = {big, big + sizeof(big), 0};

	CHECK(rshi_uleb_sig(&b) == UINT64_C(1) << 63 && !b.bad && b.p == b.end);
	b = (struct rshi_bytes){bigger, bigger + sizeof(bigger), 0};
	CHECK(rshi_uleb_sig(&b) == 1 && !b.bad && b.p == b.end);
	b = (struct rshi_bytes){bigger, bigger + sizeof(bigger), 0};
	CHECK(rshi_sleb_sig(&b) == 1 && !b.bad && b.p == b.end);
	b = (struct rshi_bytes){open, open + sizeof(open), 0};
	CHECK(rshi_uleb_sig(&b) == 0 && b.bad);
	b = (struct rshi_bytes){open, open + sizeof(open), 0};
	CHECK(rshi_sleb_sig(&b) == 0 && b.bad);
	b = (struct rshi_bytes){open, open + sizeof(open), 0};
	CHECK_EQ(rshi_signed_sig(&b, 1), -128);
	CHECK_EQ(rshi_fixed_sig(&b, 2), 0);
	CHECK(b.bad && b.p == b.end);
}

int main(void)
{
	test_shapes();
	test_broken_tables();
	test_pointers();
	test_numbers();
	return 0;
}
