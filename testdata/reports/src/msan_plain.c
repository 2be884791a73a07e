/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same without origins, and the program goes on to a second report.
 * detector: msan
 * cflags: -fsanitize-memory-track-origins=0 -fsanitize-recover=memory
 * options: halt_on_error=0
 */
#include <stdlib.h>
#include <unistd.h>

static volatile int looked;

static __attribute__((noinline)) int decides(const char *p)
{
	if (p[3])
		looked++;
	return 2;
}

int main(void)
{
	char *block = (char *)malloc(8);
	int way = decides(block);

	if (write(-1, block, 8) > 0)
		way = 3;
	free(block);
	return way == 3;
}
