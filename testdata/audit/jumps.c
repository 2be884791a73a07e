/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler that ends with a call, which optimisation makes a jump.
 */
#include <signal.h>
#include <stdlib.h>

__attribute__((noinline)) static void give_up(int number)
{
	exit(number != SIGTERM);
}

static void on_end(int number)
{
	give_up(number);
}

int main(void)
{
	signal(SIGTERM, on_end);
	return raise(SIGTERM);
}
