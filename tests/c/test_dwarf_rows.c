/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of unwind tables: every instruction, by the rules that the DWARF standard says it leaves. */

#include <stdint.h>
#include <string.h>

#include "check.h"
#include "core/dwarf.h"
#include "core/unwind.h"

#define CODE 0x400000

static struct rshi_row row;

/* Run a program behind the shared one, cfa = rsp + 8 and rip at cfa - 8, up to @pc beyond CODE. */
static int run(const uint8_t *ops, size_t n, uintptr_t pc)
{
	static const uint8_t common[] = {0x0c, 7, 8, 0x80 + 16, 1};
	struct rshi_fde fde = {
	        .pc = CODE,
	        .end = CODE + 0x100000,
	        .common = {common, common + sizeof(common), 0},
	        .own = {ops, ops + n, 0},
	        .code_align = 2,
	        .data_align = -8,
	        .base = ops,
	};

	return rshi_row_find_sig(&fde, CODE + pc, &row);
}

#define RUN(pc, end, ...)                                                                          \
	do {                                                                                       \
		static const uint8_t ops[] = {__VA_ARGS__};                                        \
                                                                                                   \
		CHECK_EQ(run(ops, sizeof(ops), pc), end);                                          \
	} while (0)
#define GOOD(...) RUN(0, 0, __VA_ARGS__)
#define BAD(...)  RUN(0, RSHI_END_BAD_CFI, __VA_ARGS__)
#define RULE(reg, wanted_rule, wanted_value)                                                       \
	do {                                                                                       \
		CHECK_EQ(row.rule[reg], wanted_rule);                                              \
		CHECK_EQ(row.value[reg], wanted_value);                                            \
	} while (0)
#define CFA(reg, offset)                                                                           \
	do {                                                                                       \
		CHECK_EQ(row.cfa_is_expression, 0);                                                \
		CHECK_EQ(row.cfa_register, reg);                                                   \
		CHECK_EQ(row.cfa_value, offset);                                                   \
	} while (0)

static void test_rules(void)
{
	GOOD(0x00); /* nop */
	CFA(7, 8);
	RULE(16, RSHI_AT_OFFSET, -8);
	RULE(3, RSHI_UNSPECIFIED, 0);
	GOOD(0x80 + 3, 2); /* offset */
	RULE(3, RSHI_AT_OFFSET, -16);
	GOOD(0x05, 12, 3); /* offset_extended */
	RULE(12, RSHI_AT_OFFSET, -24);
	GOOD(0x11, 12, 0x7f); /* offset_extended_sf: -1 */
	RULE(12, RSHI_AT_OFFSET, 8);
	GOOD(0x2f, 12, 4); /* GNU_negative_offset_extended */
	RULE(12, RSHI_AT_OFFSET, 32);
	GOOD(0x14, 6, 2); /* val_offset */
	RULE(6, RSHI_IS_OFFSET, -16);
	GOOD(0x15, 6, 0x7e); /* val_offset_sf: -2 */
	RULE(6, RSHI_IS_OFFSET, 16);
	GOOD(0x07, 16); /* undefined */
	RULE(16, RSHI_UNDEFINED, 0);
	GOOD(0x08, 16); /* same_value */
	RULE(16, RSHI_SAME, 0);
	GOOD(0x09, 16, 10); /* register */
	RULE(16, RSHI_IN_REGISTER, 10);
	GOOD(0x10, 3, 2, 0x77, 8, 0x08, 4); /* expression, at offset 2; same_value behind it */
	RULE(3, RSHI_AT_EXPRESSION, 2);
	RULE(4, RSHI_SAME, 0);
	GOOD(0x00, 0x16, 3, 1, 0x30); /* val_expression */
	RULE(3, RSHI_IS_EXPRESSION, 3);
	/* As in the shared part again; of a register that had no rule, none. */
	GOOD(0x80 + 16, 5, 0xc0 + 16);
	RULE(16, RSHI_AT_OFFSET, -8);
	GOOD(0x05, 12, 3, 0x06, 12);
	RULE(12, RSHI_UNSPECIFIED, 0);
	/* Vector registers are not tracked. */
	GOOD(0x80 + 17, 9, 0xc0 + 17, 0x06, 40, 0x08, 40);
	RULE(16, RSHI_AT_OFFSET, -8);
}

static void test_the_callers_stack_pointer(void)
{
	GOOD(0x0c, 6, 16); /* def_cfa */
	CFA(6, 16);
	GOOD(0x12, 6, 0x7e); /* def_cfa_sf */
	CFA(6, 16);
	GOOD(0x0d, 6); /* def_cfa_register */
	CFA(6, 8);
	GOOD(0x0e, 0x80, 0x01); /* def_cfa_offset */
	CFA(7, 128);
	GOOD(0x13, 0x70); /* def_cfa_offset_sf: -16 */
	CFA(7, 128);
	GOOD(0x0f, 2, 0x77, 8); /* def_cfa_expression */
	CHECK_EQ(row.cfa_is_expression, 1);
	CHECK_EQ(row.cfa_value, 1);
	GOOD(0x0f, 1, 0x30, 0x0c, 6, 24);
	CFA(6, 24);
	GOOD(0x2e, 100, 0x0e, 16); /* GNU_args_size */
	CFA(7, 16);
}

static void test_places(void)
{
	/* Rules begin where the place has come to, and the rest is not run. */
	RUN(1, 0, 0x41, 0x0e, 16, 0x41, 0x0e, 24);
	CFA(7, 8);
	RUN(2, 0, 0x41, 0x0e, 16, 0x41, 0x0e, 24);
	CFA(7, 16);
	RUN(3, 0, 0x41, 0x0e, 16, 0x41, 0x0e, 24);
	CFA(7, 16);
	RUN(4, 0, 0x41, 0x0e, 16, 0x41, 0x0e, 24, 0x41, 0xff);
	CFA(7, 24);
	RUN(0x1fd, 0, 0x02, 0xff, 0x0e, 16); /* advance_loc1 */
	CFA(7, 8);
	RUN(0x1fe, 0, 0x02, 0xff, 0x0e, 16);
	CFA(7, 16);
	RUN(0x1ffd, 0, 0x03, 0xff, 0x0f, 0x0e, 16); /* advance_loc2 */
	CFA(7, 8);
	RUN(0x1ffe, 0, 0x03, 0xff, 0x0f, 0x0e, 16);
	CFA(7, 16);
	RUN(0x3fffd, 0, 0x04, 0xff, 0xff, 0x01, 0, 0x0e, 16); /* advance_loc4 */
	CFA(7, 8);
	RUN(0x3fffe, 0, 0x04, 0xff, 0xff, 0x01, 0, 0x0e, 16);
	CFA(7, 16);
	RUN(0xff, 0, 0x01, 0x00, 0x01, 0x40, 0, 0, 0, 0, 0, 0x0e, 16); /* set_loc */
	CFA(7, 8);
	RUN(0x100, 0, 0x01, 0x00, 0x01, 0x40, 0, 0, 0, 0, 0, 0x0e, 16);
	CFA(7, 16);
}

static void test_remembered_rows(void)
{
	/* remember_state, restore_state: also the stack pointer's */
	GOOD(0x0a, 0x0e, 16, 0x80 + 3, 2, 0x0b);
	CFA(7, 8);
	RULE(3, RSHI_UNSPECIFIED, 0);
	GOOD(0x0a, 0x0e, 16, 0x0a, 0x0e, 24, 0x0a, 0x0e, 32, 0x0a, 0x0e, 40, 0x0b, 0x0b, 0x0b);
	CFA(7, 16);
	BAD(0x0a, 0x0a, 0x0a, 0x0a, 0x0a);
	BAD(0x0b);
	BAD(0x0a, 0x0b, 0x0b);
}

static void test_what_makes_no_sense(void)
{
	static const uint8_t restores[] = {0xc0 + 3};
	struct rshi_fde fde = {.pc = CODE, .end = CODE + 1, .data_align = -8, .code_align = 1};

	BAD(0x17, 0); /* no instruction */
	BAD(0x3f, 0);
	BAD(0x05, 12); /* half an instruction */
	BAD(0x04, 1, 2, 3);
	BAD(0x10, 3, 100, 0x30);
	BAD(0x0f, 0x80);
	BAD(0x0c, 17, 8);                           /* a stack pointer of no register */
	BAD(0x0c, 7, 0x80, 0x80, 0x80, 0x80, 0x08); /* too large */
	BAD(0x80 + 3, 0x80, 0x80, 0x80, 0x80, 0x08);
	BAD(0x0e, 0x80, 0x80, 0x80, 0x80, 0x08);

	/* There is nothing to restore where all is still to be set. */
	fde.common = (struct rshi_bytes){restores, restores + sizeof(restores), 0};
	CHECK_EQ(rshi_row_find_sig(&fde, CODE, &row), RSHI_END_BAD_CFI);
}

int main(void)
{
	test_rules();
	test_the_callers_stack_pointer();
	test_places();
	test_remembered_rows();
	test_what_makes_no_sense();
	return 0;
}
