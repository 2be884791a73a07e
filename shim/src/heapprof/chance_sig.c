/* SPDX-License-Identifier: BSD-2-Clause */
/* Chance, without a library of mathematics. */

#include "chance.h"
#include "core/ticks.h"

#define LN2   0.69314718055994530942
#define LN1_5 0.40546510810816438198

/* splitmix64: any state will do. */
uint64_t rshi_chance_sig(uint64_t *state)
{
	uint64_t z;

	if (!*state)
		*state = rshi_ticks_sig() ^ (uintptr_t)state * UINT64_C(0xd1342543de82ef95);
	*state += UINT64_C(0x9e3779b97f4a7c15);
	z = *state;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/*
 * -ln(x / 2^53), of x from 1 to 2^53 - 1: the exponent, and of the rest, which is near 1.5, the series
 * of artanh. Short chains rather than few operations.
 */
static double minus_log(uint64_t x)
{
	int exponent = 63 - __builtin_clzll(x);
	double m = (double)x / (double)(UINT64_C(1) << exponent);
	double z = (m - 1.5) / (m + 1.5), z2 = z * z, z4 = z2 * z2, z8 = z4 * z4;
	double low = (1 + z2 * (1.0 / 3)) + z4 * (1.0 / 5 + z2 * (1.0 / 7));
	double high = (1.0 / 9 + z2 * (1.0 / 11)) + z4 * (1.0 / 13 + z2 * (1.0 / 15));

	return (53 - exponent) * LN2 - (LN1_5 + 2 * z * (low + z8 * (high + z8 * (1.0 / 17))));
}

/* 1 - exp(-x), of x from 1/2 on: its power series near 0. */
static double one_minus_exp(double x)
{
	double y = x, sum = 0;
	int halvings = 0;

	if (x > 45)
		return 1;
	while (y > 0.5) {
		y /= 2;
		halvings++;
	}
	for (int k = 14; k > 0; k--)
		sum = y / k * (1 - sum);
	/* From y to 2 y. */
	while (halvings--)
		sum *= 2 - sum;
	return sum;
}

/* 1 / (1 - exp(-x)), of x > 0: small ones are as exact as large ones, and soon there. */
static double inverse_chance(double x)
{
	double x2 = x * x;

	if (x >= 0.5)
		return 1 / one_minus_exp(x);
	/* Bernoulli's numbers by factorials; the next one adds less than 2^-34 of it. */
	return 1 / x + 0.5 +
	       x * (1.0 / 12 - x2 * (1.0 / 720 - x2 * (1.0 / 30240 - x2 * (1.0 / 1209600))));
}

uint64_t rshi_chance_gap_sig(uint64_t *state, uint64_t rate)
{
	if (rate <= 1)
		return 1;
	/* At most 2^40 times 37. */
	return 1 + (uint64_t)((double)rate * minus_log(rshi_chance_sig(state) >> 11 | 1));
}

uint64_t rshi_chance_count_sig(uint64_t *state, uint64_t rate, uint64_t weight)
{
	double count, whole;

	if (rate <= 1)
		return 1;
	count = inverse_chance((double)weight / (double)rate);
	whole = (double)(uint64_t)count;
	/* The rest by chance: so the sum over many is right, and every number is a whole one. */
	return (uint64_t)count +
	       ((double)(rshi_chance_sig(state) >> 11) < (count - whole) * (double)(1ull << 53));
}
