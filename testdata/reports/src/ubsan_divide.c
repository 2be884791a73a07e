/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Division by zero: one line, then the signal kills the process and the runtime tells that too.
 * detector: ubsan
 */
static volatile int zero;

static __attribute__((noinline)) int divides(int a, int by)
{
	return a / by;
}

int main(void)
{
	return divides(1, zero);
}
