/* SPDX-License-Identifier: BSD-2-Clause */
/* The library writes into memory of its caller: the shape of every function that does. */

#include <errno.h>

#include <raceshim/raceshim.h>
#include <raceshim/sigsafe.h>

#include "detector.h"

__attribute__((noinline)) int rsh_copy_out(void *dst, const void *src, size_t n)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_copy_out);

	if (n == 0)
		return 0;
	if (!dst || !src)
		return EINVAL;

	rshi_frame_push(&caller);
	rshi_will_write(&caller, dst, n);
	rshi_frame_pop();

	/* Not libc's: under TSan and MSan that is an interceptor, which would look at @src too. */
	rsh_memcpy_sig(dst, src, n);
	return 0;
}
