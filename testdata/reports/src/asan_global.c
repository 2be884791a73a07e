/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A read past the end of a global array.
 * detector: asan
 */
static volatile int table[5] = {1, 2, 3, 4, 5};

static __attribute__((noinline)) int looks_up(int n)
{
	return table[n];
}

int main(int argc, char **argv)
{
	(void)argv;
	return looks_up(argc + 4);
}
