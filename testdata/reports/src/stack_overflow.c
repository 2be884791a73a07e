/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Endless recursion.
 */
static volatile int stop;

static __attribute__((noinline)) int falls(int n)
{
	volatile char room[4096];

	room[n & 4095] = 1;
	return stop ? 0 : falls(n + 1) + room[1];
}

int main(void)
{
	return falls(0);
}
