/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters are read and written out by the library while the thread goes on: silent, and the
 * numbers are right. Each is at least what the thread had acknowledged before, at most what it reads
 * later, and a sum of whole increments. The control reads with plain loads.
 *
 * control: data race in count_round, write_counters
 * stdout: OK
 * uninstrumented: ../races/step.c
 */
#include <raceshim/counters.h>
#include <stdio.h>
#include <string.h>

#include "running.h"

struct snapshot {
	unsigned char bytes[8 * COUNTERS];
	size_t len;
};

static int keep(void *arg, const void *buf, size_t len)
{
	struct snapshot *snapshot = arg;

	if (len > sizeof(snapshot->bytes) - snapshot->len)
		return 1;
	memcpy(snapshot->bytes + snapshot->len, buf, len);
	snapshot->len += len;
	return 0;
}

#ifdef RSH_CONTROL
static NOINLINE int write_counters(const struct rsh_writer *writer)
{
	uint64_t copy[COUNTERS];
	unsigned i;

	for (i = 0; i < COUNTERS; i++)
		copy[i] = counters[i];
	return writer->write(writer->arg, copy, sizeof(copy));
}
#else
static NOINLINE int write_counters(const struct rsh_writer *writer)
{
	return rsh_counters_write(counters, COUNTERS, writer);
}
#endif

static uint64_t decode(const unsigned char *le)
{
	uint64_t value = 0;
	int i;

	for (i = 7; i >= 0; i--)
		value = value << 8 | le[i];
	return value;
}

static void at_exit(void)
{
	struct snapshot snapshot = {.len = 0};
	struct rsh_writer writer = {.write = keep, .arg = &snapshot};
	int wrong = write_counters(&writer) != 0 || snapshot.len != sizeof(snapshot.bytes);
	unsigned i;

	for (i = 0; i < COUNTERS; i++) {
		uint64_t value = decode(snapshot.bytes + (size_t)8 * i);
		uint64_t later = __atomic_load_n(&counters[i], __ATOMIC_RELAXED);

		wrong |=
		        value < (uint64_t)ROUNDS * (i + 1) || value > later || value % (i + 1) != 0;
	}
	puts(wrong ? "wrong" : "OK");
}

int main(void)
{
	return begin(at_exit);
}
