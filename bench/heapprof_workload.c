/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workload of the heap profile's benchmarks, which knows of no profiler.
 *
 * pairs N:  N times free and malloc, below calls as deep as in ordinary programs, of blocks of 16 to
 *           1039 bytes, any of 4096 that are in use, written to at both ends; prints the thread's
 *           time, nanoseconds for each pair: of the best of 40 parts, since others are at work
 * totals N: N blocks of mixed sizes from several places, of which some stay; prints what there was:
 *           ALLOC_OBJECTS ALLOC_SPACE INUSE_OBJECTS INUSE_SPACE
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEPT   4096
#define DEPTH  12
#define SLICES 40

static char *kept[KEPT];
static volatile uint64_t calls;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

__attribute__((noinline)) static void pairs(uint64_t n)
{
	uint64_t x = 88172645463325252u;
	size_t size, at;

	for (uint64_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at = (x >> 20) % KEPT;
		size = 16 + (x & 1023);
		free(kept[at]);
		kept[at] = malloc(size);
		kept[at][0] = 1;
		kept[at][size - 1] = 1;
	}
}

__attribute__((noinline)) static void deep(uint64_t n, int depth)
{
	if (depth)
		deep(n, depth - 1);
	else
		pairs(n);
	calls++; /* or the call would be a jump */
}

static uint64_t truth[4];

__attribute__((noinline)) static void *block(size_t size, int stays)
{
	char *p = malloc(size);

	*(volatile char *)p = 1;
	truth[0]++;
	truth[1] += size;
	truth[2] += (uint64_t)stays;
	truth[3] += stays ? size : 0;
	return p;
}

__attribute__((noinline)) static void *small(int stays)
{
	return block(24, stays);
}

__attribute__((noinline)) static void *medium(uint64_t x, int stays)
{
	return block(100 + x % 900, stays);
}

__attribute__((noinline)) static void *large(uint64_t x, int stays)
{
	return block(4096 + x % 60000, stays);
}

static void totals(uint64_t n)
{
	void **staying = calloc(n, sizeof(*staying));
	uint64_t x = 88172645463325252u, stay = 0;

	truth[0]++;
	truth[1] += n * sizeof(*staying);
	truth[2]++;
	truth[3] += n * sizeof(*staying);
	for (uint64_t i = 0; i < n; i++) {
		int stays = i % 10 == 0;
		void *p;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p = i % 64 == 5 ? large(x, stays) : i % 2 ? medium(x, stays) : small(stays);
		if (stays)
			staying[stay++] = p;
		else
			free(p);
	}
	printf("%lu %lu %lu %lu\n", truth[0], truth[1], truth[2], truth[3]);
	fflush(stdout);
	/* In use until the end, whatever the compiler thinks. */
	__asm__ volatile("" : : "r"(staying) : "memory");
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;

	if (argc > 1 && !strcmp(argv[1], "totals")) {
		totals(n);
	} else {
		double best = 0;

		deep(n / 10, DEPTH);
		for (int i = 0; i < SLICES; i++) {
			double start = now(), took;

			deep(n / SLICES, DEPTH);
			took = now() - start;
			best = !i || took < best ? took : best;
		}
		printf("%.2f\n", best / (double)(n / SLICES));
	}
	return 0;
}
