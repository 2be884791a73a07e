/* SPDX-License-Identifier: BSD-2-Clause */
/* Expressions of unwind tables: every operation, by what the DWARF standard says that it leaves. */

#include <stdint.h>
#include <string.h>

#include "check.h"
#include "core/dwarf.h"
#include "core/unwind.h"

#define MAX 400

static struct rshi_regs regs;
static struct rshi_reader reader;
static uintptr_t memory[] = {0x8877665544332211, 42};

/* Run these operations, on top of @pushed words (0 or 1) that are *@result. */
static int run(const uint8_t *ops, size_t n, int pushed, uintptr_t *result)
{
	uint8_t bytes[MAX];

	CHECK(n < MAX - 2);
	bytes[0] = (uint8_t)(n & 0x7f) | 0x80;
	bytes[1] = (uint8_t)(n >> 7);
	memcpy(bytes + 2, ops, n);
	rshi_reader_start_sig(&reader, (uintptr_t)memory, 0);
	return rshi_expression_sig(bytes, bytes + n + 2, &regs, &reader, pushed, result);
}

#define RUN(end, result, ...)                                                                      \
	do {                                                                                       \
		static const uint8_t ops[] = {__VA_ARGS__};                                        \
		uintptr_t left = 0;                                                                \
                                                                                                   \
		CHECK_EQ(run(ops, sizeof(ops), 0, &left), end);                                    \
		if (!(end))                                                                        \
			CHECK_EQ(left, result);                                                    \
	} while (0)
#define GIVES(result, ...) RUN(0, result, __VA_ARGS__)
#define BAD(...)           RUN(RSHI_END_BAD_CFI, 0, __VA_ARGS__)

enum { LIT0 = 0x30, M1 = 0x09 }; /* M1, 0xff: const1s -1 */

static void test_constants(void)
{
	GIVES(0, LIT0);
	GIVES(31, LIT0 + 31);
	GIVES(0x0807060504030201, 0x03, 1, 2, 3, 4, 5, 6, 7, 8); /* addr */
	GIVES(255, 0x08, 0xff);
	GIVES(-1, M1, 0xff);
	GIVES(0xfffe, 0x0a, 0xfe, 0xff);
	GIVES(-2, 0x0b, 0xfe, 0xff);
	GIVES(0xfffffffd, 0x0c, 0xfd, 0xff, 0xff, 0xff);
	GIVES(-3, 0x0d, 0xfd, 0xff, 0xff, 0xff);
	GIVES(0x0807060504030201, 0x0e, 1, 2, 3, 4, 5, 6, 7, 8);
	GIVES(-4, 0x0f, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	GIVES(624485, 0x10, 0xe5, 0x8e, 0x26);
	GIVES(-624485, 0x11, 0x9b, 0xf1, 0x59);
	GIVES(5, 0x96, LIT0 + 5, 0x96); /* nop */
}

static void test_stack(void)
{
	GIVES(6, LIT0 + 3, 0x12, 0x22);                  /* dup */
	GIVES(1, LIT0 + 1, LIT0 + 2, 0x13);              /* drop */
	GIVES(1, LIT0 + 1, LIT0 + 2, 0x14);              /* over */
	GIVES(7, LIT0 + 7, LIT0 + 2, LIT0 + 3, 0x15, 2); /* pick */
	GIVES(-2, LIT0 + 5, LIT0 + 3, 0x16, 0x1c);       /* swap, minus */
	GIVES(2, LIT0 + 1, LIT0 + 2, LIT0 + 3, 0x17);    /* rot */
	GIVES(1, LIT0 + 1, LIT0 + 2, LIT0 + 3, 0x17, 0x13);
	GIVES(3, LIT0 + 1, LIT0 + 2, LIT0 + 3, 0x17, 0x13, 0x13);
}

static void test_arithmetic(void)
{
	GIVES(5, 0x09, 0xfb, 0x19); /* abs */
	GIVES(5, LIT0 + 5, 0x19);
	GIVES(8, LIT0 + 12, LIT0 + 10, 0x1a);
	GIVES(-3, 0x09, 0xf9, LIT0 + 2, 0x1b); /* div is signed */
	GIVES(2, LIT0 + 5, LIT0 + 3, 0x1c);
	GIVES(UINTPTR_MAX % 10, M1, 0xff, LIT0 + 10, 0x1d); /* mod is not */
	GIVES(15, LIT0 + 5, LIT0 + 3, 0x1e);
	GIVES(-9, LIT0 + 9, 0x1f);
	GIVES(-10, LIT0 + 9, 0x20);
	GIVES(14, LIT0 + 12, LIT0 + 10, 0x21);
	GIVES(22, LIT0 + 12, LIT0 + 10, 0x22);
	GIVES(140, LIT0 + 12, 0x23, 0x80, 0x01); /* plus_uconst 128 */
	GIVES(48, LIT0 + 12, LIT0 + 2, 0x24);
	GIVES(UINTPTR_MAX >> 4, M1, 0xff, LIT0 + 4, 0x25);
	GIVES(-2, 0x09, 0xf0, LIT0 + 3, 0x26);
	GIVES(6, LIT0 + 12, LIT0 + 10, 0x27);
	/* By as many bits as there are, or more. */
	GIVES(0, LIT0 + 1, 0x08, 64, 0x24);
	GIVES(0, M1, 0xff, 0x08, 64, 0x25);
	GIVES(-1, 0x09, 0x80, 0x08, 200, 0x26);
}

static void test_comparisons(void)
{
	/* -1 and 2, and 2 and 2: eq, ge, gt, le, lt, ne */
	static const uint8_t less[] = {0, 0, 0, 1, 1, 1}, equal[] = {1, 1, 0, 1, 0, 0};

	for (uint8_t i = 0; i < 6; i++) {
		uint8_t ops[] = {M1, 0xff, LIT0 + 2, (uint8_t)(0x29 + i)};
		uintptr_t found;

		CHECK_EQ(run(ops, sizeof(ops), 0, &found), 0);
		CHECK_EQ(found, less[i]);
		ops[1] = 2;
		CHECK_EQ(run(ops, sizeof(ops), 0, &found), 0);
		CHECK_EQ(found, equal[i]);
	}
}

static void test_branches(void)
{
	GIVES(1, LIT0 + 1, 0x2f, 1, 0, LIT0 + 2); /* skip */
	GIVES(1, LIT0 + 1, LIT0 + 1, 0x28, 1, 0, LIT0 + 2);
	GIVES(2, LIT0 + 1, LIT0, 0x28, 1, 0, LIT0 + 2);
	/* ten times round */
	GIVES(7, LIT0 + 10, LIT0 + 1, 0x1c, 0x12, 0x28, 0xfa, 0xff, LIT0 + 7, 0x22);
	/* for ever; out at either end; over the end is not beyond it */
	BAD(LIT0, 0x2f, 0xfd, 0xff);
	BAD(LIT0, 0x2f, 0xfb, 0xff);
	BAD(LIT0, 0x2f, 2, 0, LIT0);
	GIVES(0, LIT0, 0x2f, 1, 0, LIT0 + 1);
}

static void test_registers(void)
{
	GIVES(1007, 0x70 + 7, 7);   /* breg7 */
	GIVES(999, 0x70 + 7, 0x7f); /* -1 */
	GIVES(1016, 0x50 + 16);     /* reg16 */
	GIVES(1003, 0x92, 3, 0);    /* bregx */
	BAD(0x70 + 5, 0);           /* whose value is lost */
	BAD(0x50 + 17);             /* which is not tracked */
	BAD(0x92, 0x80, 0x80, 4, 0);
}

static void test_memory(void)
{
	regs.r[0] = (uintptr_t)memory;
	GIVES(memory[0], 0x70, 0, 0x06); /* deref */
	GIVES(42, 0x70, 8, 0x06);
	GIVES(0x11, 0x70, 0, 0x94, 1); /* deref_size */
	GIVES(0x88, 0x70, 7, 0x94, 1);
	GIVES(0x4433, 0x70, 2, 0x94, 2);
	GIVES(0x88776655, 0x70, 4, 0x94, 4);
	GIVES(memory[0], 0x70, 0, 0x94, 8);
	BAD(0x70, 0, 0x94, 0);
	BAD(0x70, 0, 0x94, 9);
	BAD(0x70, 6, 0x94, 4); /* of two words */
	BAD(0x70, 4, 0x06);
	RUN(RSHI_END_BAD_STACK, 0, LIT0 + 8, 0x06);
	RUN(RSHI_END_BAD_STACK, 0, LIT0 + 9, 0x94, 2);
}

static void test_what_makes_no_sense(void)
{
	static const uint8_t nothing[1] = {0};
	uint8_t many[17], unfinished[] = {0x80}, longer[] = {2, LIT0};
	uintptr_t found = 4711;

	BAD(0x22);       /* nothing to add */
	BAD(LIT0, 0x22); /* one word to add */
	BAD(LIT0, 0x14); /* nothing below the top */
	BAD(LIT0, 0x15, 1);
	BAD(LIT0, 0x13); /* nothing left */
	BAD(LIT0 + 1, LIT0, 0x1b);
	BAD(LIT0 + 1, LIT0, 0x1d);
	BAD(0x0f, 0, 0, 0, 0, 0, 0, 0, 0x80, M1, 0xff, 0x1b); /* the one quotient too large */
	BAD(LIT0, LIT0, 0x04);                                /* no operation */
	BAD(LIT0, LIT0, 0xff);
	BAD(0x0c, 1, 2, 3); /* half a number */
	BAD(0x10, 0x80);
	BAD(0x11, 0x80);

	/* A stack of 16 words. */
	memset(many, LIT0 + 3, sizeof(many));
	CHECK_EQ(run(many, 16, 0, &found), 0);
	CHECK_EQ(found, 3);
	CHECK_EQ(run(many, 17, 0, &found), RSHI_END_BAD_CFI);
	CHECK_EQ(run(many, 16, 1, &found), RSHI_END_BAD_CFI);

	/* An empty one leaves what was there, if there was anything. */
	found = 4711;
	CHECK_EQ(run(nothing, 0, 1, &found), 0);
	CHECK_EQ(found, 4711);
	CHECK_EQ(run(nothing, 0, 0, &found), RSHI_END_BAD_CFI);

	CHECK_EQ(rshi_expression_sig(unfinished, unfinished + 1, &regs, &reader, 0, &found),
	         RSHI_END_BAD_CFI);
	CHECK_EQ(rshi_expression_sig(longer, longer + 2, &regs, &reader, 0, &found),
	         RSHI_END_BAD_CFI);
}

int main(void)
{
	for (int i = 0; i < RSHI_REGS; i++)
		regs.r[i] = 1000 + (uintptr_t)i;
	regs.r[7] = 1000;
	regs.known = ((1u << RSHI_REGS) - 1) & ~(1u << 5);
	test_constants();
	test_stack();
	test_arithmetic();
	test_comparisons();
	test_branches();
	test_registers();
	test_memory();
	test_what_makes_no_sense();
	return 0;
}
