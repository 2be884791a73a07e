/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy() writes a whole range; another thread reads one byte from its middle.
 *
 * report: data race in fill_packet, peek_byte
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <string.h>

#include "step.h"

char packet[256];

static NOINLINE void fill_packet(const char *from, size_t n)
{
	memcpy(packet, from, n);
}

static NOINLINE char peek_byte(size_t at)
{
	return packet[at];
}

static void *worker(void *arg)
{
	fill_packet(arg, sizeof(packet));
	step_set(1);
	return arg;
}

int main(void)
{
	static char from[256] = "x";
	pthread_t thread;
	char seen;

	pthread_create(&thread, NULL, worker, from);
	step_wait(1);
	seen = peek_byte(131);
	pthread_join(thread, NULL);
	return seen != 0;
}
