/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profiler in small: a SIGPROF handler that copies stacks into a table all threads share. It lives
 * in uninstrumented code (sampler.c) and is installed past the detector's sigaction(), so it runs the
 * moment the signal arrives, wherever the thread is, in the middle of the detector too.
 *
 * With RSH_CONTROL the handler copies by libc's memcpy(), which is the detector's interceptor.
 */
#ifndef SAMPLER_H
#define SAMPLER_H

#include <stdint.h>
#include <time.h>

enum { SAMPLER_DEPTH = 64 };

struct sampler_frame {
	uintptr_t pc, sp, fp;
};

/* sampler_on_sigprof - the handler: one stack into the table, frame by frame as an unwinder does */
void sampler_on_sigprof(int signo);

/* sampler_install - make @handler the handler of SIGPROF, without the detector's knowledge; 0 or 1 */
int sampler_install(void (*handler)(int));

/* sampler_start, sampler_stop - SIGPROF for the calling thread, @hz times a second; 0 or 1 */
int sampler_start(timer_t *timer, long hz);
int sampler_stop(timer_t timer);

/* sampler_handled - how many signals sampler_on_sigprof() has handled in the calling thread */
unsigned long sampler_handled(void);

/* sampler_rest - some work that the detector sees nothing of */
void sampler_rest(unsigned turns);

/* sampler_check - 0 if every stack in the table is whole, and stored + dropped = handled */
int sampler_check(void);

#endif
