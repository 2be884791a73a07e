/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A branch on a local variable that nobody has written; its value went through memory on the way.
 * detector: msan
 */
static int kept;

static __attribute__((noinline)) void keeps(const int *p)
{
	kept = *p;
}

static __attribute__((noinline)) void makes(void)
{
	int unset[4];

	keeps(&unset[2]);
}

int main(void)
{
	makes();
	if (kept == 42)
		return 1;
	return 0;
}
