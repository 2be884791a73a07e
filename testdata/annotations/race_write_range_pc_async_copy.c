/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An asynchronous copy: asked for by one function, done by an engine thread (a DMA engine, an
 * io_uring worker). The report must show the frames of who asked for it.
 *
 * report: data race in copy_later<load_page, use_page
 * control: clean
 * annotation: RSH_RACE_WRITE_RANGE_PC
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static const char disk[64] = "contents";
static char page[64];
static struct {
	char *dst;
	const char *src;
	size_t size;
	void *caller;
} request;
static int copied;

NOINLINE static void copy_later(char *dst, const char *src, size_t size)
{
	request.dst = dst;
	request.src = src;
	request.size = size;
	request.caller = __builtin_return_address(0);
}

NOINLINE static void load_page(void)
{
	copy_later(page, disk, sizeof(page));
}

NOINLINE static int use_page(void)
{
	return page[63];
}

static void *engine(void *arg)
{
	PROVE(RSH_RACE_WRITE_RANGE_PC(request.dst, request.size, request.caller, copy_later));
	hidden_copy(request.dst, request.src, request.size);
	hidden_post(&copied);
	return arg;
}

static void *user(void *arg)
{
	hidden_wait(&copied, 1);
	return use_page() ? arg : NULL;
}

int main(void)
{
	load_page();
	run_two(engine, user);
	return 0;
}
