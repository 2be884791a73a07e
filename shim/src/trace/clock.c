/* SPDX-License-Identifier: BSD-2-Clause */
/* Which clock is fit for the times of events. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dlfcn.h>
#include <stddef.h>

#include <raceshim/trace.h>

#include "clock.h"
#include "core/files.h"
#include "state.h"

/* Linux's function in every process, which is no library's, so that no detector stands before it. */
static rshi_trace_clock_function *find_kernel_clock(void)
{
	void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD), *found = NULL;
	rshi_trace_clock_function *clock;

	if (vdso)
		found = dlsym(vdso, "__vdso_clock_gettime");
	*(void **)&clock = found;
	return clock;
}

#if defined(__x86_64__)
/* Of one frequency, in all states of the processor. */
static int is_invariant(void)
{
	uint32_t a = 0x80000000u, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (a < 0x80000007u)
		return 0;
	a = 0x80000007u;
	c = 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return (int)(d >> 8 & 1);
}

/* The same on all processors: the kernel would not take it for its own clock otherwise. */
static int is_the_kernels(void)
{
	static const char path[] =
	        "/sys/devices/system/clocksource/clocksource0/current_clocksource";
	char text[4] = {0};
	size_t n = 0;
	int fd;

	if (rshi_open_sig(RSHI_CWD, path, &fd))
		return 0;
	(void)rshi_read_sig(fd, text, sizeof(text), &n);
	rshi_close_sig(fd);
	return n == 4 && text[0] == 't' && text[1] == 's' && text[2] == 'c' && text[3] == '\n';
}

static int is_fit(void)
{
	return is_invariant() && is_the_kernels();
}
#else
/* The architecture says so. */
static int is_fit(void)
{
	return 1;
}
#endif

void rshi_trace_prepare_clock(uint32_t wanted)
{
	static int looked, fit; /* the control's */

	if (!looked) {
		rshi_trace_sig.clock = find_kernel_clock();
		fit = is_fit();
		looked = 1;
	}
	rshi_trace_sig.unit =
	        wanted == RSH_TRACE_CLOCK_AUTO && fit ? RSHI_TRACE_TSC : RSHI_TRACE_NS;
}
