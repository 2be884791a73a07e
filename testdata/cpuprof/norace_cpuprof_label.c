/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread takes as its label a text that another one writes, under the lock of both.
 *
 * control: data race in rsh_label_set<label, writer
 * uninstrumented: ../races/step.c
 */
#include "user_memory.h"

char request[] = "login";

static NOINLINE int label(void)
{
	return rsh_label_set("request", request);
}

static NOINLINE int writer(void)
{
	request[2] = 'G';
	return 0;
}

int main(void)
{
	return user_take_turns((struct user_turns){label, writer});
}
