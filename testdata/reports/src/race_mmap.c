/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is neither global, heap nor stack (a private mapping): a report without a location.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>
#include "order.h"

static void *maps_first(void *arg)
{
	((volatile short *)arg)[1] = 1;
	order_step();
	return NULL;
}

int main(void)
{
	pthread_t t;
	volatile short *map = (short *)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	pthread_create(&t, NULL, maps_first, (void *)map);
	order_wait(1);
	map[1] = 2;
	pthread_join(t, NULL);
	return 0;
}
