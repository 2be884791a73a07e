/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tagged heap block: the report calls the location a Connection and not a heap block. A program
 * that reads its own reports insists on that, and aborts without it.
 *
 * report: data race in fill_buffer, send_buffer
 * control: crash or data race in fill_buffer, send_buffer
 * stdout: Connection
 * annotation: RSH_RACE_TAG_ASSIGN
 * uninstrumented: helper_hidden.c helper_on_report.c
 */
#include <stdio.h>
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"
#include "on_report.h"

static int *connection;
static int filled;

NOINLINE static void fill_buffer(void)
{
	*connection = 1;
}

NOINLINE static int send_buffer(void)
{
	return *connection;
}

static void *filler(void *arg)
{
	fill_buffer();
	hidden_post(&filled);
	return arg;
}

static void *sender(void *arg)
{
	hidden_wait(&filled, 1);
	return send_buffer() ? arg : NULL;
}

int main(void)
{
	void *tag = RSH_RACE_TAG_REGISTER("Connection");

	insist_on_type("Connection");
	connection = malloc(sizeof(*connection));
	PROVE(RSH_RACE_TAG_ASSIGN(connection, tag));
	(void)tag;
	run_two(filler, sender);
	free(connection);
	puts(found_in_report());
	return 0;
}
