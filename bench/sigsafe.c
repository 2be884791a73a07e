/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time of the handlers' memory functions over that of libc's, as ratios of one run.
 *
 * The two sides take turns in short rounds and the best round of each counts, so that a busy
 * machine slows down both or neither. Exits with 1 if a ratio above 256 bytes is beyond the limit
 * given as the first argument (0 or none: no limit).
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <raceshim/sigsafe.h>

#define LARGEST         ((size_t)4 << 20)
#define BYTES_PER_ROUND ((size_t)1 << 20)
#define ROUNDS          60
#define BOUND_FROM      256

struct buffers {
	unsigned char *dst;
	unsigned char *src;
	size_t n;
	size_t calls;
};

/* Through volatile pointers, so that no compiler replaces or removes a call. */
static void *(*volatile libc_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*volatile libc_memmove)(void *, const void *, size_t) = memmove;
static void *(*volatile libc_memset)(void *, int, size_t) = memset;
static int (*volatile libc_memcmp)(const void *, const void *, size_t) = memcmp;
static void *(*volatile our_memcpy)(void *, const void *, size_t) = rsh_memcpy_sig;
static void *(*volatile our_memmove)(void *, const void *, size_t) = rsh_memmove_sig;
static void *(*volatile our_memset)(void *, int, size_t) = rsh_memset_sig;
static int (*volatile our_memcmp)(const void *, const void *, size_t) = rsh_memcmp_sig;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#define ROUND(name, call)                                                                          \
	static uint64_t name(const struct buffers *b)                                              \
	{                                                                                          \
		uint64_t start = now();                                                            \
                                                                                                   \
		for (size_t i = 0; i < b->calls; i++)                                              \
			(void)call;                                                                \
		return now() - start;                                                              \
	}

ROUND(round_libc_memcpy, libc_memcpy(b->dst, b->src, b->n))
ROUND(round_our_memcpy, our_memcpy(b->dst, b->src, b->n))
ROUND(round_libc_memcpy_odd, libc_memcpy(b->dst + 1, b->src + 7, b->n))
ROUND(round_our_memcpy_odd, our_memcpy(b->dst + 1, b->src + 7, b->n))
ROUND(round_libc_memmove, libc_memmove(b->dst + 64, b->dst, b->n))
ROUND(round_our_memmove, our_memmove(b->dst + 64, b->dst, b->n))
ROUND(round_libc_memset, libc_memset(b->dst, 0, b->n))
ROUND(round_our_memset, our_memset(b->dst, 0, b->n))
ROUND(round_libc_memcmp, libc_memcmp(b->dst, b->src, b->n))
ROUND(round_our_memcmp, our_memcmp(b->dst, b->src, b->n))

static const struct contest {
	const char *name;
	uint64_t (*libc)(const struct buffers *b);
	uint64_t (*ours)(const struct buffers *b);
	int bound;
} contests[] = {
        {"memcpy", round_libc_memcpy, round_our_memcpy, 1},
        {"unaligned", round_libc_memcpy_odd, round_our_memcpy_odd, 1},
        {"memmove", round_libc_memmove, round_our_memmove, 0},
        {"memset", round_libc_memset, round_our_memset, 0},
        {"memcmp", round_libc_memcmp, round_our_memcmp, 0},
};

static double ratio(const struct contest *c, const struct buffers *b)
{
	uint64_t libc = UINT64_MAX, ours = UINT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t t = c->libc(b);

		libc = t < libc ? t : libc;
		t = c->ours(b);
		ours = t < ours ? t : ours;
	}
	return (double)ours / (double)libc;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {8,     16,    32,     64,      128,    256,  384,
	                               512,   768,   1024,   1536,    2048,   4096, 8192,
	                               16384, 65536, 262144, 1048576, LARGEST};
	const size_t contest_count = sizeof(contests) / sizeof(contests[0]);
	double limit = argc > 1 ? strtod(argv[1], NULL) : 0;
	struct buffers b = {.dst = malloc(LARGEST + 128), .src = malloc(LARGEST + 128)};
	int beyond = 0;

	if (!b.dst || !b.src)
		return 2;
	printf("time of ours / time of libc's\n%8s", "bytes");
	for (size_t c = 0; c < contest_count; c++)
		printf("  %9s", contests[c].name);
	putchar('\n');
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		b.n = sizes[s];
		b.calls = b.n < BYTES_PER_ROUND ? BYTES_PER_ROUND / b.n : 1;
		b.calls = b.calls > 4096 ? 4096 : b.calls;
		memset(b.src, 0, LARGEST + 128);
		memset(b.dst, 0, LARGEST + 128);
		printf("%8zu", b.n);
		for (size_t c = 0; c < contest_count; c++) {
			double r = ratio(&contests[c], &b);
			int bad = limit > 0 && contests[c].bound && b.n > BOUND_FROM && r > limit;

			beyond |= bad;
			printf("  %8.2f%c", r, bad ? '!' : ' ');
			fflush(stdout);
		}
		putchar('\n');
	}
	free(b.dst);
	free(b.src);
	return beyond;
}
