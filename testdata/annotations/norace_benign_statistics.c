/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A counter whose losses are accepted: the race is real and declared benign, with the reason.
 *
 * control: data race in count_request, show_requests
 * annotation: RSH_RACE_BENIGN
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static unsigned long requests;
static int counted;

NOINLINE static void count_request(void)
{
	requests++;
}

NOINLINE static unsigned long show_requests(void)
{
	return requests;
}

static void *server(void *arg)
{
	count_request();
	hidden_post(&counted);
	return arg;
}

static void *console(void *arg)
{
	hidden_wait(&counted, 1);
	return show_requests() ? arg : NULL;
}

int main(void)
{
	PROVE(RSH_RACE_BENIGN(&requests, sizeof(requests), "statistics: a lost count is fine"));
	run_two(server, console);
	return 0;
}
