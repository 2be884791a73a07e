/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running thread at exit, with the compiler's counters and the library's writer: once from an
 * exit handler, and once at the very end, into the file. The control is the stock tool.
 */
#ifndef COVERED_H
#define COVERED_H

#include <raceshim/cover.h>
#include <stdio.h>
#include <stdlib.h>

#include "infloop.h"

static int add(void *arg, const void *buf, size_t len)
{
	(void)buf;
	*(size_t *)arg += len;
	return 0;
}

static void at_exit(void)
{
	size_t bytes = 0;
	struct rsh_writer writer = {.write = add, .arg = &bytes};
	int err = rsh_cover_write_counters(&writer);

#ifdef RSH_CONTROL
	puts(err == RSH_ENOTCOVERED && bytes == 0 ? "OK" : "wrong");
#else
	puts(err == 0 && bytes > 0 ? "OK" : "wrong");
#endif
	fflush(stdout);
}

int main(void)
{
	pthread_t thread;
	int sum;

	atexit(at_exit);
	pthread_create(&thread, NULL, infloop, NULL);
	step_wait(1);
	sum = blah(1) + blah(0);
	end(thread);
	return sum != 1;
}

#endif
