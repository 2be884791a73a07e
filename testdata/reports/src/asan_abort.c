/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * abort(): `ABRT on unknown address`.
 * detector: asan
 * options: handle_abort=1
 */
#include <stdlib.h>

static __attribute__((noinline)) void gives_up(void)
{
	abort();
}

int main(void)
{
	gives_up();
	return 0;
}
