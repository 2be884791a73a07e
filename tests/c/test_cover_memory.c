/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Want of memory, everywhere that coverage asks for some: the call says so, nothing else happens, and
 * the next one works. The program is linked with --wrap=mmap: the n-th one fails, for every n.
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <raceshim/cover.h>

#include "check.h"

static int left = -1; /* calls of mmap until one fails; below 0: none does */
static uint64_t counters[4];
static size_t written;

void *real_mmap(void *at, size_t size, int protection, int flags, int fd,
                off_t offset) __asm__("__real_mmap");
void *wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
                off_t offset) __asm__("__wrap_mmap");

void *wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (left >= 0 && left-- == 0) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return real_mmap(at, size, protection, flags, fd, offset);
}

static int count(void *arg, const void *bytes, size_t n)
{
	(void)arg;
	(void)bytes;
	written += n;
	return 0;
}

static const struct rsh_writer writer = {count, NULL};

static int add(void)
{
	const struct rsh_cover_array array = {
	        .name = "memory", .counters = counters, .n = 4, .bits = 64, .mode = 3, /* atomic */
	};

	return rsh_cover_register(&array);
}

static int write_meta(void)
{
	return rsh_cover_write_meta(&writer);
}

static int write_counters(void)
{
	return rsh_cover_write_counters(&writer);
}

static int read_and_clear(void)
{
	return rsh_cover_read_and_clear(&writer);
}

static int take_away(void)
{
	return rsh_cover_unregister(counters);
}

/* Let the @n-th mmap of @call fail. Returns whether there was one. */
static int fails(int (*call)(void), int n)
{
	int err;

	written = 0;
	left = n;
	err = call();
	if (left >= 0) {
		left = -1;
		CHECK_EQ(err, 0);
		return 0;
	}
	CHECK_EQ(err, ENOMEM);
	CHECK_EQ(written, 0);
	return 1;
}

static void test_calls_can_be_made_again(void)
{
	int n;

	for (n = 0; fails(add, n); n++)
		CHECK_EQ(write_counters(), RSH_ENOTCOVERED);
	CHECK(n >= 2);
	CHECK_EQ(add(), EBUSY);
	counters[2] = 7;
	for (n = 0; fails(write_meta, n); n++)
		CHECK_EQ(written, 0);
	CHECK(n >= 1 && written);
	for (n = 0; fails(write_counters, n); n++)
		CHECK_EQ(counters[2], 7);
	CHECK(n >= 1 && written);
	CHECK_EQ(counters[2], 7);
	for (n = 0; fails(read_and_clear, n); n++)
		CHECK_EQ(counters[2], 7);
	CHECK(n >= 1 && written);
	CHECK_EQ(counters[2], 0);
}

/* What cannot be kept is lost, and that is told twice. Each time in a process of its own. */
static void test_counts_that_cannot_be_kept(void)
{
	int n, status, more = 1;

	for (n = 0; more; n++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			counters[1] = 5;
			more = fails(take_away, n);
			CHECK_EQ(take_away(), EINVAL);
			CHECK_EQ(write_counters(), more ? ENOMEM : 0);
			_exit(more);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFEXITED(status));
		more = WEXITSTATUS(status);
		CHECK(more == 0 || more == 1);
	}
	CHECK(n >= 3);
}

int main(void)
{
	test_calls_can_be_made_again();
	test_counts_that_cannot_be_kept();
	return 0;
}
