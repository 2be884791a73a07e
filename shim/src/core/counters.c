/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of running threads, read once and written out.
 *
 * The private copy is what makes the output one sweep: the writer sees the copy, however often and
 * slowly it looks. It comes from libc's mmap, so that a detector learns that the memory is new.
 */

#include <endian.h>
#include <errno.h>
#include <sys/mman.h>

#include <raceshim/counters.h>

#include "detector.h"

/* One sweep: no counter is looked at twice. The copy has the byte order of the output. */
static void sweep(uint64_t *copy, const uint64_t *counters, size_t n)
{
	for (size_t i = 0; i < n; i++)
		copy[i] = htole64(rshi_user_load64(&counters[i]));
}

static int check(const uint64_t *counters, size_t n, const struct rsh_writer *w)
{
	if (!w || !w->write)
		return RSH_ENOWRITER;
	if (n == 0)
		return 0;
	if (!counters)
		return EINVAL;
	if ((uintptr_t)counters % sizeof(*counters))
		return RSH_EMISALIGNED;
	if (n > SIZE_MAX / sizeof(*counters))
		return EOVERFLOW;
	return 0;
}

__attribute__((noinline)) int rsh_counters_write(const uint64_t *counters, size_t n,
                                                 const struct rsh_writer *w)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_counters_write);
	size_t size = n * sizeof(*counters);
	uint64_t *copy;
	int err;

	rshi_frame_push(&caller);
	if (w)
		rshi_will_read(&caller, w, sizeof(*w));
	err = check(counters, n, w);
	if (err || n == 0)
		goto out;

	copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED) {
		err = errno;
		goto out;
	}
	rshi_will_load(&caller, counters, size);
	sweep(copy, counters, n);

	err = w->write(w->arg, copy, size);
	munmap(copy, size);
out:
	rshi_frame_pop();
	return err;
}
