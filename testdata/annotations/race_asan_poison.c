/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message's header is the library's own, and its user must keep out of it. RSH_MEM_POISON
 * forbids him the bytes.
 *
 * detector: address
 * report: use-after-poison in touch_header
 * control: clean
 * annotation: RSH_MEM_POISON
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static volatile int touched;

NOINLINE static void touch_header(char *message)
{
	touched = 1;
	message[8] = 1;
}

int main(void)
{
	char *message = calloc(64, 1);

	if (!message)
		return 1;
	PROVE(RSH_MEM_POISON(message, 32));
	touch_header(message);
	RSH_MEM_UNPOISON(message, 32);
	free(message);
	return 0;
}
