/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One case for each thing that the memory axis promises: "memory annotated CASE..." runs the cases
 * with their annotations, "memory control CASE..." without. Each case is a function of its own
 * name, which reports show; tests/py/test_annotations.py knows what each detector has to say.
 * A line with HERE is the one that a report of the annotation itself must show.
 */
#include <raceshim/annotate.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int annotated;

#define SAY(annotation)                                                                            \
	do {                                                                                       \
		if (annotated) {                                                                   \
			annotation;                                                                \
		}                                                                                  \
	} while (0)

#define CASE(name) static __attribute__((noinline)) void name(void)

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			exit(4);                                                                   \
		}                                                                                  \
	} while (0)

/* The detector must not know that the size is right. */
static volatile size_t sixteen = 16;

static __attribute__((noinline)) char *block(void)
{
	char *p = malloc(sixteen * 4);

	if (p == NULL)
		abort();
	return p;
}

/* A use of the byte's value, where a detector of uninitialised memory looks. */
static __attribute__((noinline)) int used(const volatile char *p)
{
	if (*p == 'x')
		puts("x");
	return 0;
}

/* A device wrote the block. */
CASE(write_defines)
{
	char *p = block();

	SAY(RSH_MEM_WRITE(p, 64));
	used(p + 3);
	free(p);
}

/* A device reads a block that nobody filled. */
CASE(read_undefined)
{
	char *p = block();

	SAY(RSH_MEM_READ(p, 64)); /* HERE read_undefined */
	free(p);
}

CASE(read_beyond)
{
	char *p = block();

	memset(p, 0, 64);
	SAY(RSH_MEM_READ(p, 65)); /* HERE read_beyond */
	free(p);
}

CASE(write_beyond)
{
	char *p = block();

	SAY(RSH_MEM_WRITE(p, 65)); /* HERE write_beyond */
	free(p);
}

CASE(read_freed)
{
	char *volatile p = block(); /* volatile: the compiler need not know either */

	memset(p, 0, 64);
	free(p);
	SAY(RSH_MEM_READ(p, 8)); /* HERE read_freed */
}

/* A library without instrumentation, which reports in its caller. */
static __attribute__((noinline)) void library_reads(const char *p, size_t size)
{
	SAY(RSH_MEM_READ_PC(p, size, __builtin_return_address(0)));
}

static __attribute__((noinline)) void library_writes(char *p, size_t size)
{
	SAY(RSH_MEM_WRITE_PC(p, size, __builtin_return_address(0)));
}

CASE(read_pc)
{
	char *p = block();

	memset(p, 0, 64);
	library_reads(p, 65); /* HERE read_pc */
	free(p);
}

CASE(write_pc)
{
	char *p = block();

	library_writes(p, 65); /* HERE write_pc */
	free(p);
}

/* An own allocator: blocks of 32 bytes of an arena. */
CASE(pool_stale)
{
	char *p = block();

	SAY(RSH_MEM_MALLOC(p, 32));
	memset(p, 0, 32);
	SAY(RSH_MEM_FREE(p, 32));
	used(p + 8);
	free(p);
}

CASE(pool_again)
{
	char *p = block();

	SAY(RSH_MEM_MALLOC(p, 32); RSH_MEM_FREE(p, 32); RSH_MEM_MALLOC(p, 32));
	memset(p, 0, 32);
	used(p + 8);
	free(p);
}

/* The last owner's bytes are not the new owner's. */
CASE(pool_unfilled)
{
	char *p = block();

	SAY(RSH_MEM_MALLOC(p, 32));
	memset(p, 0, 32);
	SAY(RSH_MEM_FREE(p, 32); RSH_MEM_MALLOC(p, 32));
	used(p + 8);
	free(p);
}

CASE(poisoned)
{
	char *p = block();

	memset(p, 0, 64);
	SAY(RSH_MEM_POISON(p + 16, 16));
	used(p + 20);
	free(p);
}

CASE(unpoisoned)
{
	char *p = block();

	memset(p, 0, 64);
	SAY(RSH_MEM_POISON(p + 16, 16); RSH_MEM_UNPOISON(p + 16, 16));
	used(p + 20);
	free(p);
}

/* What the detector knows moves, the bytes stay. */
CASE(move_undefined)
{
	char *from = block(), *to = block();

	memset(to, 'a', 64);
	SAY(RSH_MEM_MOVE(to, from, 64));
	used(to + 3);
	free(from);
	free(to);
}

CASE(move_defined)
{
	char *from = block(), *to = block();

	memset(from, 'a', 64);
	SAY(RSH_MEM_MOVE(to, from, 64));
	used(to + 3);
	free(from);
	free(to);
}

CASE(move_keeps_bytes)
{
	char *from = block(), *to = block();
	size_t i;

	memset(from, 'b', 64);
	memset(to, 'a', 64);
	SAY(RSH_MEM_MOVE(to, from, 64));
	for (i = 0; i < 64; i++)
		EXPECT(to[i] == 'a');
	free(from);
	free(to);
}

/* The offset of the first byte that is not as it should be, without a report. */
CASE(check)
{
	char *p = block();
	ptrdiff_t bad;

	memset(p, 0, 64);
	EXPECT(RSH_MEM_CHECK(p, 64) == -1);
	EXPECT(RSH_MEM_CHECK(p, 0) == -1);
	SAY(RSH_MEM_POISON(p + 32, 16));
	bad = RSH_MEM_CHECK(p, 64);
	EXPECT(bad == (annotated ? 32 : -1));
	EXPECT(RSH_MEM_CHECK(p, 32) == -1);
	SAY(RSH_MEM_UNPOISON(p + 32, 16));
	EXPECT(RSH_MEM_CHECK(p, 64) == -1);
	free(p);
}

/* Shadow that overlaps itself, both ways, in more than one of the backend's chunks. */
CASE(move_overlaps)
{
	char *p = malloc(400);

	if (p == NULL)
		abort();
	memset(p, 0, 400);
	if (RSH_MEM_ENABLED && RSH_HAS_ASAN + RSH_HAS_HWASAN == 0 && annotated) {
		RSH_MEM_MALLOC(p + 150, 1);
		RSH_MEM_MOVE(p + 10, p, 300);
		EXPECT(RSH_MEM_CHECK(p, 400) == 160);
		EXPECT(RSH_MEM_CHECK(p + 161, 239) == -1);
		RSH_MEM_MOVE(p, p + 30, 300);
		EXPECT(RSH_MEM_CHECK(p, 400) == 130);
		RSH_MEM_UNPOISON(p, 400);
		EXPECT(RSH_MEM_CHECK(p, 400) == -1);
	}
	free(p);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
#define ENTRY(name) {#name, name}
        ENTRY(write_defines),  ENTRY(read_undefined), ENTRY(read_beyond), ENTRY(write_beyond),
        ENTRY(read_freed),     ENTRY(read_pc),        ENTRY(write_pc),    ENTRY(pool_stale),
        ENTRY(pool_again),     ENTRY(pool_unfilled),  ENTRY(poisoned),    ENTRY(unpoisoned),
        ENTRY(move_undefined), ENTRY(move_defined),   ENTRY(check),       ENTRY(move_keeps_bytes),
        ENTRY(move_overlaps),
};

int main(int argc, char **argv)
{
	size_t n;
	int i, known = 0;

	if (argc < 3)
		return 2;
	annotated = strcmp(argv[1], "annotated") == 0;
	for (i = 2; i < argc; i++) {
		for (n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
			if (strcmp(argv[i], cases[n].name) == 0) {
				cases[n].run();
				known++;
			}
		}
	}
	return known == argc - 2 ? 0 : 2;
}
