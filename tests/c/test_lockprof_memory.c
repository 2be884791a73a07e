/* SPDX-License-Identifier: BSD-2-Clause */
/* The lock profile without memory: an error or a count, never a crash or a number that is wrong. */

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

#include "refusing.h"
#include "waiting.h"

#define PATHS           11
#define WAITS           (1u << PATHS)
#define RECORDS_AT_MOST (WAITS + 100)

static const struct rsh_lockprof_options all = {1, 1};
static sem_t never;

/* Many stacks, so that they need memory too: one for each way through this. */
__attribute__((noinline)) static int wait_in_vain(unsigned int path, int depth)
{
	static struct timespec past;
	int result;

	if (!depth)
		return sem_timedwait(&never, &past);
	/* Two calls, which a compiler is not to make one of. */
	if (path & 1) {
		__asm__ volatile("nop" : "+r"(path));
		result = wait_in_vain(path >> 1, depth - 1);
		__asm__ volatile("nop" : "+r"(result));
	} else {
		result = wait_in_vain(path >> 1, depth - 1);
	}
	return result ? -1 : 0;
}

static int take(void *arg, const void *buf, size_t n)
{
	size_t *bytes = arg;

	*bytes += buf ? n : 0;
	return 0;
}

/* As if nobody had called. */
static void check_nothing_has_begun(void)
{
	struct rsh_lockprof_stats stats;
	struct rsh_lock_record record;
	size_t got = 1, bytes = 0;
	const struct rsh_writer w = {take, &bytes};

	CHECK_EQ(rsh_lockprof_stats(&stats), ESRCH);
	CHECK_EQ(rsh_lockprof_stop(), ESRCH);
	CHECK_EQ(rsh_lockprof_write(&w), ESRCH);
	CHECK_EQ(rsh_blockprof_read(&record, 1, &got), 0);
	CHECK_EQ(got, 0);
	CHECK_EQ(wait_in_vain(0, PATHS), -1);
	CHECK_EQ(rsh_mutexprof_read(&record, 1, &got), 0);
	CHECK_EQ(got, 0);
}

static uint64_t check_numbers(void)
{
	static struct rsh_lock_record records[RECORDS_AT_MOST];
	struct rsh_lockprof_stats stats;
	uint64_t sum = 0, lost = 0;
	size_t got = 0;

	CHECK_EQ(rsh_lockprof_stats(&stats), 0);
	CHECK_EQ(rsh_blockprof_read(records, RECORDS_AT_MOST, &got), 0);
	for (size_t i = 0; i < got; i++) {
		CHECK_EQ(!records[i].n, records[i].kind == RSH_LOCK_MANY);
		CHECK(records[i].delay >= records[i].count);
		sum += records[i].count;
		lost += records[i].n ? 0 : records[i].count;
	}
	/* All that was counted is in one of the two. */
	CHECK_EQ(sum, stats.sampled);
	CHECK(sum >= WAITS);
	CHECK_EQ(lost, stats.overflow);
	return lost;
}

/* Either it is written, or nothing is wrong but that, and it can be written later. */
static void check_written(void)
{
	size_t bytes = 0;
	const struct rsh_writer w = {take, &bytes};
	int err = rsh_lockprof_write(&w);

	if (err) {
		CHECK_EQ(err, ENOMEM);
		allocations.fail_at = 0;
		allocations.fail_from = 0;
		bytes = 0;
		CHECK_EQ(rsh_lockprof_write(&w), 0);
	}
	CHECK(bytes > 100);
}

/* Some of the memory that was asked for so far. */
static int is_refused(void)
{
	return (allocations.fail_at && allocations.calls >= allocations.fail_at) ||
	       (allocations.fail_from && allocations.calls >= allocations.fail_from);
}

/* Returns whether memory was refused before all was counted. */
static int profile(void)
{
	int err = rsh_lockprof_start(&all), lacks;

	CHECK_EQ(err, is_refused() ? ENOMEM : 0);
	if (err) {
		check_nothing_has_begun();
		allocations.fail_at = 0;
		allocations.fail_from = 0;
		CHECK_EQ(rsh_lockprof_start(&all), 0);
	}
	for (unsigned int i = 0; i < WAITS; i++)
		CHECK_EQ(wait_in_vain(i, PATHS), -1);
	lacks = is_refused();
	CHECK_EQ(check_numbers() > 0, lacks);
	check_written();
	CHECK_EQ(rsh_lockprof_stop(), 0);
	return err || lacks;
}

int main(void)
{
	size_t n = 1;

	CHECK_EQ(sem_init(&never, 0, 0), 0);
	/* Each call for memory, and each and all that follow, until there are no more. */
	while (with_refusals(n, 0, profile) && with_refusals(0, n, profile))
		n++;
	CHECK(n > 3);
	return 0;
}
