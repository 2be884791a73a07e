/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A benign race covers the bytes that it names, and not their neighbours: the field behind the
 * counter is still looked at. The control declares the whole struct benign, as one must not.
 *
 * report: data race in set_limit, get_limit
 * control: clean
 * annotation: RSH_RACE_BENIGN
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static struct {
	unsigned long requests;
	unsigned long limit;
} server;
static int changed;

NOINLINE static void set_limit(void)
{
	server.limit = 10;
	server.requests++;
}

NOINLINE static unsigned long get_limit(void)
{
	return server.requests + server.limit;
}

static void *setter(void *arg)
{
	set_limit();
	hidden_post(&changed);
	return arg;
}

static void *getter(void *arg)
{
	hidden_wait(&changed, 1);
	return get_limit() ? arg : NULL;
}

int main(void)
{
	RSH_RACE_BENIGN(&server, PROVE_OR(sizeof(server.requests), sizeof(server)),
	                "statistics: a lost count is fine");
	run_two(setter, getter);
	return 0;
}
