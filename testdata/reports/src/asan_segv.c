/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A read through a null pointer.
 * detector: asan
 * machine: yes
 */
static int *volatile nowhere;

static __attribute__((noinline)) int crashes(void)
{
	return *nowhere;
}

int main(void)
{
	return crashes();
}
