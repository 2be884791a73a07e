/* SPDX-License-Identifier: BSD-2-Clause */
/* Tell the detector of an order and of a lock, so often as it is said. */

#include <stdlib.h>

#include <raceshim/annotate.h>

int main(int argc, char **argv)
{
	static int object;
	const int times = argc > 1 ? atoi(argv[1]) : 0;

	for (int i = 0; i < times; i++) {
		RSH_RACE_RELEASE(&object);
		RSH_RACE_ACQUIRE(&object);
	}
	return 0;
}
