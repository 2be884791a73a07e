/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows that are kept once, and the memory that they are in. */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "allocations.h"
#include "check.h"
#include "core/intern.h"

/* So many that some have the same hash of 32 bits. */
#define ROWS 400000

static uint64_t row_of(uint32_t i)
{
	return i * UINT64_C(0x2545f4914f6cdd1d) ^ i;
}

static void test_every_row_has_its_number(void)
{
	struct rshi_intern table = {0};
	uint32_t number = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < ROWS; i++) {
		uint64_t row = row_of(i);

		CHECK_EQ(rshi_intern_find(&table, &row, sizeof(row), &number), ENOENT);
		CHECK_EQ(rshi_intern(&table, &row, sizeof(row), &number), 0);
		CHECK_EQ(number, i);
	}
	CHECK_EQ(table.n, ROWS);
	for (uint32_t i = 0; i < ROWS; i++) {
		uint64_t row = row_of(i);

		CHECK_EQ(rshi_intern(&table, &row, sizeof(row), &number), 0);
		CHECK_EQ(number, i);
		CHECK_EQ(memcmp(rshi_interned(&table, i, &n), &row, sizeof(row)), 0);
		CHECK_EQ(n, sizeof(row));
	}
	rshi_intern_free(&table);
	CHECK_EQ(allocations.live, 0);
}

/* Each is the beginning of the next one; what is behind does not count. */
static void test_rows_of_every_length(void)
{
	struct rshi_intern table = {0};
	char text[100];
	uint32_t number = 0;
	size_t n = 0;

	memset(text, 0, sizeof(text));
	for (uint32_t i = 0; i < sizeof(text); i++)
		CHECK_EQ(rshi_intern(&table, text, i, &number) || number != i, 0);
	memset(text, 1, sizeof(text));
	for (uint32_t i = 1; i < sizeof(text); i++)
		CHECK_EQ(rshi_intern(&table, text, i, &number) || number != sizeof(text) + i - 1,
		         0);
	for (uint32_t i = 0; i < sizeof(text); i++) {
		CHECK_EQ((uintptr_t)rshi_interned(&table, i, &n) % 8, 0);
		CHECK_EQ(n, i);
	}
	CHECK_EQ(rshi_intern(&table, NULL, 0, &number) || number, 0);
	rshi_intern_free(&table);
	CHECK_EQ(allocations.live, 0);
}

static void test_a_budget_is_what_is_taken(void)
{
	struct rshi_budget budget = {.limit = 1 << 20};
	struct rshi_grow first = {.budget = &budget}, second = {.budget = &budget};
	size_t before;

	CHECK_EQ(rshi_grow_reserve(&first, 500000), 0);
	CHECK_EQ(budget.used, allocations.live);
	CHECK_EQ(rshi_grow_reserve(&second, 600000), ENOMEM);
	before = allocations.calls;
	for (size_t i = 1; i < 1000; i++) {
		allocations.fail_at = before + i;
		CHECK_EQ(rshi_grow_reserve(&second, 200000), ENOMEM);
	}
	CHECK_EQ(budget.used, allocations.live);
	allocations.fail_at = 0;
	CHECK_EQ(rshi_grow_reserve(&second, 200000), 0);
	second.used = 200000;
	second.p[199999] = 1;
	/* Both move, and stay what they are. */
	CHECK_EQ(rshi_grow_reserve(&second, 200000), 0);
	CHECK_EQ(second.p[199999], 1);
	CHECK_EQ(second.p[200000], 0);
	CHECK_EQ(budget.used, allocations.live);
	CHECK_EQ(rshi_grow_reserve(&second, SIZE_MAX), ENOMEM);
	rshi_grow_free(&first);
	rshi_grow_free(&second);
	CHECK_EQ(budget.used, 0);
	CHECK_EQ(allocations.live, 0);
}

int main(void)
{
	test_every_row_has_its_number();
	test_rows_of_every_length();
	test_a_budget_is_what_is_taken();
	return 0;
}
