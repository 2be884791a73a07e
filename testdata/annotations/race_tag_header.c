/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library's contract is broken, and the report's heading says it in the library's own words.
 *
 * report: connection used by two threads in connection_send, connection_close
 * control: race on Connection in connection_send, connection_close
 * annotation: RSH_RACE_TAG_HEADER
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static char connection[64];
static void *tag;
static int sent;

NOINLINE static void connection_send(void)
{
	RSH_RACE_TAG_WRITE(connection, tag);
	hidden_copy(connection, "sent", 5);
}

NOINLINE static void connection_close(void)
{
	RSH_RACE_TAG_WRITE(connection, tag);
	hidden_copy(connection, "", 1);
}

static void *sender(void *arg)
{
	connection_send();
	hidden_post(&sent);
	return arg;
}

static void *closer(void *arg)
{
	hidden_wait(&sent, 1);
	connection_close();
	return arg;
}

int main(void)
{
	tag = RSH_RACE_TAG_REGISTER("Connection");
	PROVE(RSH_RACE_TAG_HEADER(tag, "connection used by two threads"));
	run_two(sender, closer);
	return 0;
}
