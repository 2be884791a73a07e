/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message's header is forbidden to its user, and the library must get at it itself:
 * RSH_MEM_UNPOISON allows the bytes again.
 *
 * detector: address
 * control: use-after-poison in update_header
 * annotation: RSH_MEM_UNPOISON
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

NOINLINE static void update_header(char *message)
{
	PROVE(RSH_MEM_UNPOISON(message, 32));
	*(volatile char *)&message[8] = 1;
	RSH_MEM_POISON(message, 32);
}

int main(void)
{
	char *message = calloc(64, 1);

	if (!message)
		return 1;
	RSH_MEM_POISON(message, 32);
	update_header(message);
	RSH_MEM_UNPOISON(message, 32);
	free(message);
	return 0;
}
