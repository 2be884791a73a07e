/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A local variable is used after its function has returned.
 * detector: asan
 * options: detect_stack_use_after_return=1
 */
static int *volatile kept;

static __attribute__((noinline)) void hands_out(void)
{
	int inner = 1;

	kept = &inner;
}

int main(void)
{
	hands_out();
	return *kept;
}
