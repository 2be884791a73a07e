/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 100 signals a second on each of two busy threads, the rate of an ordinary CPU profile. The control's
 * handler is instrumented code: it enters the detector from inside the detector.
 *
 * control: hang or data race in on_sigprof or CHECK failed or nested bug or crash
 * stdout: OK
 * cflags: -fno-builtin
 * timeout: 20
 * uninstrumented: sampler.c
 */
#include <string.h>

#include "busy.h"

#ifdef RSH_CONTROL
struct sampler_frame newest;

static __attribute__((noinline)) void on_sigprof(int signo)
{
	struct sampler_frame frame = {.pc = (uintptr_t)&on_sigprof};

	memcpy(&newest, &frame, sizeof(newest));
	sampler_on_sigprof(signo);
}
#else
#define on_sigprof sampler_on_sigprof
#endif

int main(void)
{
	return busy_profiled(on_sigprof,
	                     (struct profiled){.hz = 100, .samples = 50, .rest = 50000});
}
