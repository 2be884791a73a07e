/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One of each kind of undefined behaviour, one line each, without stacks.
 * detector: ubsan
 */
#include <limits.h>
#include <stdbool.h>
#include <string.h>

static volatile int zero, big = INT_MAX, forty = 40, minus = -1;
static volatile float huge = 1e30f;
static volatile int small[4];
static int *volatile nowhere;

static __attribute__((noinline)) int adds(int a)
{
	return a + 1;
}

static __attribute__((noinline)) int shifts(int a, int by)
{
	return a << by;
}

static __attribute__((noinline)) int divides(int a, int by)
{
	return a / by;
}

static __attribute__((noinline)) int indexes(int n)
{
	return n < 5 ? small[n] : 0;
}

static __attribute__((noinline)) int reads_unaligned(const char *p)
{
	return *(const volatile int *)(p + 1);
}

static __attribute__((noinline)) int truth(const unsigned char *p)
{
	bool b = *(const volatile bool *)p;

	return b ? 1 : 0;
}

static __attribute__((noinline)) int long_array(int n)
{
	volatile char room[n];

	return sizeof(room) == 1;
}

static __attribute__((noinline)) char *walks(char *p, unsigned long by)
{
	return p + by;
}

int main(void)
{
	static char bytes[16];
	static unsigned char two = 2;
	unsigned sum =
	        (unsigned)adds(big) + (unsigned)shifts(1, forty) + (unsigned)shifts(minus, 1);

	sum += (unsigned)(indexes(forty / 10) + reads_unaligned(bytes) + truth(&two));
	sum += (unsigned)(int)huge + (unsigned)long_array(zero + 1);
	sum += (unsigned)long_array(zero);
	if (forty == 41)
		sum += (unsigned)(divides(1, zero) + *nowhere);
	sum += walks(bytes, (unsigned long)minus << 4) != NULL;
	return sum == 12345;
}
