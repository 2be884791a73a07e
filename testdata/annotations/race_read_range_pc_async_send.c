/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An asynchronous send: the buffer is handed over by one function and read later by an engine
 * thread, while its owner already fills it again. The report must show who handed it over.
 *
 * report: data race in send_later<send_greeting, refill
 * control: clean
 * annotation: RSH_RACE_READ_RANGE_PC
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static char packet[64] = "greeting";
static struct {
	const char *src;
	size_t size;
	void *caller;
} request;
static int sent;

NOINLINE static void send_later(const char *src, size_t size)
{
	request.src = src;
	request.size = size;
	request.caller = __builtin_return_address(0);
}

NOINLINE static void send_greeting(void)
{
	send_later(packet, sizeof(packet));
}

NOINLINE static void refill(void)
{
	packet[63] = '!';
}

static void *engine(void *arg)
{
	PROVE(RSH_RACE_READ_RANGE_PC(request.src, request.size, request.caller, send_later));
	arg = hidden_sum(request.src, request.size) ? arg : NULL;
	hidden_post(&sent);
	return arg;
}

static void *owner(void *arg)
{
	hidden_wait(&sent, 1);
	refill();
	return arg;
}

int main(void)
{
	send_greeting();
	run_two(engine, owner);
	return 0;
}
