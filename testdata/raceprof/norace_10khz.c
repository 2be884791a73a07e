/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 10,000 signals a second on each of two busy threads, in a handler that calls nothing the detector
 * could intercept: rsh_memcpy_sig(). Every stack is whole and counted. The control's handler is the
 * same but for libc's memcpy(), which is the detector's interceptor: it takes the lock that the
 * interrupted thread holds, and waits for ever (clang), or is seen to race (gcc).
 *
 * control: hang or data race in sampler_on_sigprof or CHECK failed or nested bug or crash
 * stdout: OK
 * timeout: 12
 * uninstrumented: sampler.c
 * uninstrumented-cflags: -fno-builtin
 */
#include "busy.h"

int main(void)
{
	return busy_profiled(sampler_on_sigprof, (struct profiled){.hz = 10000, .samples = 5000});
}
