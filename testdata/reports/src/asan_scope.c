/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A local variable is used after its block has ended.
 * detector: asan
 * cflags: -fsanitize-address-use-after-scope
 */
static volatile int *kept;

static __attribute__((noinline)) int uses_late(void)
{
	{
		volatile int inner = 1;

		kept = &inner;
	}
	return *kept;
}

int main(void)
{
	return uses_late();
}
