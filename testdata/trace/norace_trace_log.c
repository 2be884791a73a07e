/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread records a text that another one writes, under the lock of both.
 *
 * control: data race in rsh_trace_log<record, writer
 * uninstrumented: ../races/step.c
 */
#include "user_trace.h"

char request[] = "login";

static NOINLINE int record(void)
{
	return rsh_trace_log(RSH_TRACE_NAME("request"), request);
}

static NOINLINE int writer(void)
{
	request[2] = 'G';
	return 0;
}

int main(void)
{
	return user_trace_turns((struct user_turns){record, writer});
}
