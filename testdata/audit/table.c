/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler that calls one function of a table, as its last act: not the table of a switch.
 */
#include <signal.h>
#include <stdlib.h>

static void *volatile kept;

static void ignore(int number)
{
	(void)number;
}

static void keep(int number)
{
	kept = malloc((size_t)number);
}

static void (*const actions[])(int) = {ignore, keep, ignore, keep};

static void on_user(int number)
{
	actions[number & 3](number);
}

int main(void)
{
	signal(SIGUSR1, on_user);
	return raise(SIGUSR1);
}
