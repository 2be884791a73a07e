/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library keeps its objects opaque and asks that one thread at a time uses each. Two threads
 * break the contract; there is no access that TSan could see. The tag makes it a race on the
 * object, in the user's words.
 *
 * report: race on Connection in connection_send, connection_status
 * control: clean
 * annotation: RSH_RACE_TAG_REGISTER RSH_RACE_TAG_WRITE RSH_RACE_TAG_READ
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static char connection[64];
static void *tag;
static int sent;

NOINLINE static void connection_send(void)
{
	PROVE(RSH_RACE_TAG_WRITE(connection, tag));
	hidden_copy(connection, "sent", 5);
}

NOINLINE static unsigned connection_status(void)
{
	PROVE(RSH_RACE_TAG_READ(connection, tag));
	return hidden_sum(connection, 5);
}

static void *sender(void *arg)
{
	connection_send();
	hidden_post(&sent);
	return arg;
}

static void *watcher(void *arg)
{
	hidden_wait(&sent, 1);
	return connection_status() ? arg : NULL;
}

int main(void)
{
	tag = PROVE_OR(RSH_RACE_TAG_REGISTER("Connection"), NULL);
	run_two(sender, watcher);
	return 0;
}
