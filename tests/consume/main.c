/* SPDX-License-Identifier: BSD-2-Clause */
/* What a user's program needs of the package: annotations, the library, and both in agreement. */

#include <stdio.h>
#include <string.h>

#include <raceshim/annotate.h>
#include <raceshim/raceshim.h>

int main(void)
{
	char text[8] = "";

	if (rsh_copy_out(text, "copied", 7) || strcmp(text, "copied") != 0)
		return 1;
	RSH_RACE_RELEASE(text);
	RSH_RACE_ACQUIRE(text);
	printf("raceshim %s, race detector %d\n", rsh_version(), RSH_RACE_ENABLED);
	return strcmp(rsh_version(), RSH_VERSION) != 0;
}
