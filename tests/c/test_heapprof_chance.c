/* SPDX-License-Identifier: BSD-2-Clause */
/* Chance as it should be, by the library of mathematics. */

#include <math.h>
#include <stdint.h>

#include "check.h"
#include "heapprof/chance.h"

#define DRAWS 1000000
#define RATE  (UINT64_C(1) << 40)

/* Of every number that is drawn, and of the ends. */
static void test_gaps_are_logarithms(void)
{
	uint64_t state = 1;
	double mean = 0;

	for (int i = 0; i < DRAWS; i++) {
		uint64_t same = state, drawn = rshi_chance_sig(&same) >> 11 | 1;
		uint64_t gap = rshi_chance_gap_sig(&state, RATE);
		double right = -log((double)drawn / 0x1p53) * (double)RATE;

		CHECK(fabs((double)gap - 1 - right) <= 1 + right * 1e-9);
		mean += (double)gap / DRAWS;
	}
	/* Five times what chance lets it be away. */
	CHECK(fabs(mean / (double)RATE - 1) < 5 / sqrt(DRAWS));
	CHECK_EQ(rshi_chance_gap_sig(&state, 1), 1);
}

/* From objects that are nearly never sampled to those that are for sure. */
static void test_counts_are_inverses_of_chances(void)
{
	uint64_t state = 1;

	for (double weight = 1; weight < 0x1p46; weight *= 1.01) {
		double right = 1 / -expm1(-floor(weight) / (double)RATE), near = right * 1e-9;
		uint64_t count = rshi_chance_count_sig(&state, RATE, (uint64_t)weight);

		CHECK((double)count >= floor(right - near));
		CHECK((double)count <= floor(right + near) + 1);
	}
	CHECK_EQ(rshi_chance_count_sig(&state, 1, 1), 1);
}

/* What is not whole is so by chance. */
static void test_counts_have_the_right_mean(void)
{
	for (uint64_t weight = RATE / 100 * 6; weight < 8 * RATE; weight *= 2) {
		double right = 1 / -expm1(-(double)weight / (double)RATE), sum = 0;
		uint64_t state = weight;

		for (int i = 0; i < DRAWS; i++)
			sum += (double)rshi_chance_count_sig(&state, RATE, weight);
		CHECK(fabs(sum / DRAWS - right) < 5 * 0.5 / sqrt(DRAWS));
	}
}

int main(void)
{
	test_gaps_are_logarithms();
	test_counts_are_inverses_of_chances();
	test_counts_have_the_right_mean();
	return 0;
}
