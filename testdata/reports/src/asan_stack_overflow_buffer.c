/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A write past the end of a local array: the report describes the frame's variables.
 * detector: asan
 */
static __attribute__((noinline)) int overruns(int n)
{
	volatile int first[4] = {0};
	volatile char second[3] = {0};

	first[n] = 1;
	return first[1] + second[2];
}

int main(int argc, char **argv)
{
	(void)argv;
	return overruns(argc + 3);
}
