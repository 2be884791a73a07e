/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A member call on a null pointer.
 * detector: ubsan
 */
struct thing {
	int value;
	__attribute__((noinline)) bool asks()
	{
		return true;
	}
};

static thing *volatile nothing;

static __attribute__((noinline)) int calls()
{
	return nothing->asks();
}

int main()
{
	return calls() & 0;
}
