/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An unaligned store straddles two of the detector's 8-byte words; the read meets it in the second
 * one. (gcc 12 books the ends of such a store byte by byte, four to a word: three bytes are kept
 * for sure.)
 *
 * report: data race in store_length, read_tail
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <stdint.h>

#include "step.h"

struct __attribute__((packed)) header {
	unsigned char tag[3];
	uint64_t length; /* bytes 3..10 */
};

struct {
	struct header header;
} message __attribute__((aligned(16)));

static NOINLINE void store_length(uint64_t length)
{
	message.header.length = length;
}

static NOINLINE unsigned char read_tail(size_t at)
{
	return ((unsigned char *)&message)[at];
}

static void *worker(void *arg)
{
	store_length(UINT64_MAX);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	unsigned char seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = read_tail(9);
	pthread_join(thread, NULL);
	return seen != 255;
}
