/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a report of an annotated access points to. Each function makes one annotated access, as its
 * last instruction, to a slot of its own that another thread writes without order: the report must
 * show the function on the line with HERE and its name. "current": the annotation is the later
 * access; "previous": the earlier one, which ThreadSanitizer restores from its history.
 */
#include <raceshim/annotate.h>

#include <string.h>

#include "turns.h"

struct object {
	long a, b;
};

static _Alignas(64) char slot[16][64];

#define ACCESS(name) static __attribute__((noinline)) void name(void)

/* Fixed sizes; unaligned ones span two of the detector's 8-byte cells. */
ACCESS(read1)
{
	RSH_RACE_READ(slot[0] + 7, 1); /* HERE read1 */
}
ACCESS(write2)
{
	RSH_RACE_WRITE(slot[1] + 7, 2); /* HERE write2 */
}
ACCESS(read4)
{
	RSH_RACE_READ(slot[2] + 6, 4); /* HERE read4 */
}
ACCESS(write8)
{
	RSH_RACE_WRITE(slot[3] + 1, 8); /* HERE write8 */
}
ACCESS(write16)
{
	RSH_RACE_WRITE(slot[4] + 3, 16); /* HERE write16 */
}
ACCESS(read_range)
{
	RSH_RACE_READ_RANGE(slot[5], 33); /* HERE read_range */
}
ACCESS(write_range)
{
	RSH_RACE_WRITE_RANGE(slot[6], 33); /* HERE write_range */
}
ACCESS(read_object)
{
	RSH_RACE_READ_OBJECT((struct object *)slot[7]); /* HERE read_object */
}
ACCESS(write_object)
{
	RSH_RACE_WRITE_OBJECT((struct object *)slot[8]); /* HERE write_object */
}

/*
 * A library's functions, and the user's that calls them: frames #0 and #1. Each body is another, or
 * the compiler would make one function of them.
 */
#define API(name)                                                                                  \
	static __attribute__((noinline)) void name(void)                                           \
	{                                                                                          \
		__asm__ volatile("# " #name);                                                      \
	}

API(api_read)         /* HERE api_read */
API(api_write)        /* HERE api_write */
API(api_read_range)   /* HERE api_read_range */
API(api_write_range)  /* HERE api_write_range */
API(api_read_object)  /* HERE api_read_object */
API(api_write_object) /* HERE api_write_object */

static __attribute__((noinline)) void library(void *caller)
{
	RSH_RACE_READ_PC(slot[9] + 7, 2, caller, api_read);
	RSH_RACE_WRITE_RANGE_PC(slot[10], 64, caller, api_write_range);
	RSH_RACE_READ_RANGE_PC(slot[11], 64, caller, api_read_range);
	RSH_RACE_WRITE_OBJECT_PC((struct object *)slot[12], caller, api_write_object);
	RSH_RACE_READ_OBJECT_PC((struct object *)slot[13], caller, api_read_object);
	/* Without a caller, the frame below the api's is the annotating function's caller. */
	RSH_RACE_WRITE_PC(slot[14] + 7, 8, NULL, api_write);
}

static __attribute__((noinline)) void entry(void)
{
	library(__builtin_return_address(0));
}

static __attribute__((noinline)) void user(void)
{
	entry();
	slot[15][0] = 0; /* not a tail call */
}

static void annotate(void)
{
	read1();
	write2();
	read4();
	write8();
	write16();
	read_range();
	write_range();
	read_object();
	write_object();
	user();
}

/* The byte behind the first cell's end: both cells of an unaligned access must be covered. */
static __attribute__((noinline)) void touch(void)
{
	static const unsigned char at[15] = {7, 8, 8, 8, 18, 32, 32, 15, 15, 8, 63, 63, 15, 15, 14};
	size_t n;

	for (n = 0; n < sizeof(at); n++)
		slot[n][at[n]] = 1;
}

static void *first(void *step)
{
	(*(void (**)(void))step)();
	pass_turn(0);
	await_turn(1);
	return NULL;
}

static void *second(void *step)
{
	await_turn(0);
	(*(void (**)(void))step)();
	pass_turn(1);
	return NULL;
}

int main(int argc, char **argv)
{
	void (*steps[2])(void) = {touch, annotate};
	pthread_t threads[2];

	if (argc != 2)
		return 2;
	if (strcmp(argv[1], "previous") == 0) {
		steps[0] = annotate;
		steps[1] = touch;
	}
	turns_open();
	if (pthread_create(&threads[0], NULL, first, &steps[0]) != 0 ||
	    pthread_create(&threads[1], NULL, second, &steps[1]) != 0)
		return 3;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	return 0;
}
