/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tracer says where the next bytes are, in variables of the program's under its lock.
 *
 * control: data race in rsh_trace_read<fill, reader
 * uninstrumented: ../races/step.c
 */
#include "user_trace.h"

const void *data;
size_t n;

static NOINLINE int fill(void)
{
	return rsh_trace_read(&data, &n);
}

static NOINLINE int reader(void)
{
	return !data || !n;
}

int main(void)
{
	return user_trace_turns((struct user_turns){fill, reader});
}
