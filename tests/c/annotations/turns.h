/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that take turns in a way no detector sees: pipes through syscall(2), which neither
 * ThreadSanitizer nor Helgrind nor DRD takes for synchronisation. So the accesses of two threads
 * are really one after the other, and only an annotation can tell.
 */
#ifndef TURNS_H
#define TURNS_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TURNS 6

static int turn_pipe[TURNS][2];

static void turns_open(void)
{
	int n;

	for (n = 0; n < TURNS; n++) {
		if (pipe(turn_pipe[n]) != 0) {
			perror("pipe");
			exit(3);
		}
	}
}

/* Blocks until somebody passed turn @n. */
static void await_turn(int n)
{
	char token;

	if (syscall(SYS_read, turn_pipe[n][0], &token, 1) != 1)
		abort();
}

static void pass_turn(int n)
{
	if (syscall(SYS_write, turn_pipe[n][1], "", 1) != 1)
		abort();
}

#endif
