/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An API function has uninstrumented code fill its caller's buffer, and says so on behalf of the
 * caller. Without it MSan takes what the caller got for uninitialised.
 *
 * detector: memory
 * control: use-of-uninitialized-value in use_answer
 * annotation: RSH_MEM_WRITE_PC
 * uninstrumented: helper_hidden.c
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

NOINLINE static void get_answer(int *answer)
{
	static const int stored = 42;

	PROVE(RSH_MEM_WRITE_PC(answer, sizeof(*answer), __builtin_return_address(0)));
	hidden_copy(answer, &stored, sizeof(stored));
}

NOINLINE static void use_answer(void)
{
	int answer;

	get_answer(&answer);
	if (answer != 42)
		exit(1);
}

int main(void)
{
	use_answer();
	return 0;
}
