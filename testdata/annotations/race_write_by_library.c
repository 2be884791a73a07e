/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library without instrumentation stores an 8-byte result into its caller's object. TSan does
 * not see the store; the wrapper says it. The poller reads the last byte only.
 *
 * report: data race in store_result, poll_result
 * control: clean
 * annotation: RSH_RACE_WRITE
 * uninstrumented: helper_hidden.c
 */
#include <stdint.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static union {
	uint64_t value;
	uint8_t byte[8];
} result;
static int stored;

NOINLINE static void store_result(uint64_t value)
{
	PROVE(RSH_RACE_WRITE(&result.value, 8));
	hidden_copy(&result.value, &value, sizeof(value));
}

NOINLINE static int poll_result(void)
{
	return result.byte[7];
}

static void *worker(void *arg)
{
	store_result(42);
	hidden_post(&stored);
	return arg;
}

static void *poller(void *arg)
{
	hidden_wait(&stored, 1);
	return poll_result() ? NULL : arg;
}

int main(void)
{
	run_two(worker, poller);
	return 0;
}
